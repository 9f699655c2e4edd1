import { Readable } from "node:stream";
import type { Logger } from "@aspen/plugin-api";
import type { ResultStream } from "@aspen/rpc-core";
import { errorBody } from "./error-body.js";
import type { Exchange } from "./exchange.js";
import { logRefusal, withCode } from "./failure.js";
import { endedBy } from "./rpc-call.js";

/** A result as lines of JSON (https://github.com/ndjson/ndjson-spec). */
export const NDJSON_TYPE = "application/x-ndjson";

/** True when a request says that it takes a stream: by the name of its type, not by a wildcard. */
export function takesNdjson(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  return accept.split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return type === NDJSON_TYPE && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

export interface NdjsonParts {
  method: string;
  requestId: string;
  exchange: Exchange;
  log: Logger;
}

/**
 * The lines of a result, as fast as they are read: one for each item. An error that comes after the first of them is the
 * last line, `{"error":{"code":…}}`.
 *
 * @throws AspenError what the stream fails with before its first items
 */
export async function ndjson({ items }: ResultStream, parts: NdjsonParts): Promise<Readable> {
  const reading = items[Symbol.asyncIterator]();
  const first = await reading.next();
  return Readable.from(lines(first, reading, parts), { objectMode: false });
}

async function* lines(
  first: IteratorResult<readonly unknown[]>,
  reading: AsyncIterator<readonly unknown[]>,
  { method, requestId, exchange, log }: NdjsonParts,
): AsyncGenerator<Buffer> {
  let next = first;
  try {
    for (; !next.done; next = await reading.next()) {
      if (next.value.length > 0) yield Buffer.from(next.value.map((item) => `${lineOf(method, item)}\n`).join(""));
    }
  } catch (thrown) {
    const error = withCode(endedBy(exchange, thrown), requestId);
    logRefusal(log, error, { method, requestId });
    yield Buffer.from(`${errorBody(error, requestId)}\n`);
  } finally {
    if (!next.done) await reading.return?.();
  }
}

function lineOf(method: string, item: unknown): string {
  const line = JSON.stringify(item) as string | undefined;
  if (line === undefined) throw new TypeError(`an item of ${method} is a ${typeof item}, which JSON cannot hold`);
  return line;
}
