import { type AspenError, LIMITS, type Logger } from "@aspen/plugin-api";
import { JsonBytes, parseParams, type RequestContext } from "@aspen/rpc-core";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { nodeErrors } from "../errors.js";
import { errorBody } from "./error-body.js";
import { logRefusal, withCode } from "./failure.js";
import { bodyParams, resultBody } from "./json-body.js";
import { contextOf, endedBy, type RpcRoutes } from "./rpc-call.js";

/** Calls of one batch that run at a time. */
const AT_ONCE = 8;
/** Most bytes of an id. */
const ID_MAX = 256;

const idSchema = z.union([z.string().max(ID_MAX), z.number(), z.null()]);
const callSchema = z.strictObject({
  method: z.string().min(1),
  params: z.unknown().optional(),
  id: idSchema.optional(),
});

/**
 * Answers a batch: the answer of each call in the order of the calls, with its `result` or its `error`.
 *
 * @throws AspenError `INVALID_PARAMS` when the body is no list of calls, `PAYLOAD_TOO_LARGE` when it has too many
 */
export async function answerBatch(request: FastifyRequest, routes: RpcRoutes): Promise<Buffer> {
  const calls = callsOf(request.body);
  const context = contextOf(request, routes, false);
  const answers = new Answers(calls.length);
  let next = 0;
  const work = async () => {
    for (let at = next++; at < calls.length; at = next++) {
      answers.put(at, await answerCall(calls[at], { context, routes, log: request.log as Logger, full: answers.full }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, calls.length) }, work));
  return answers.body;
}

function callsOf(body: unknown): readonly unknown[] {
  const params = bodyParams(body instanceof Uint8Array ? body : new Uint8Array());
  const calls = params instanceof JsonBytes ? parseParams(params) : params;
  if (!Array.isArray(calls) || calls.length === 0) throw nodeErrors.batchInvalid();
  if (calls.length > LIMITS.batchCalls) throw nodeErrors.batchTooLarge(calls.length);
  return calls;
}

interface CallParts {
  context: RequestContext;
  routes: RpcRoutes;
  log: Logger;
  /** The batch's answer has no room for another result. */
  full: boolean;
}

async function answerCall(call: unknown, { context, routes, log, full }: CallParts): Promise<Buffer> {
  let method: string | undefined;
  try {
    const parsed = callSchema.safeParse(call);
    if (!parsed.success) throw nodeErrors.callInvalid(Array.isArray(call));
    method = parsed.data.method;
    if (full) throw nodeErrors.batchFull(method);
    const { params = {} } = parsed.data;
    const result = resultBody(method, await routes.dispatcher.dispatch({ method, params }, context));
    return answer(call, "result", result);
  } catch (thrown) {
    const error: AspenError = withCode(endedBy(routes.exchange, thrown), context.requestId);
    logRefusal(log, error, { method });
    return answer(call, "error", JSON.stringify(JSON.parse(errorBody(error, context.requestId)).error));
  }
}

/** The id is given back as it came, also where the rest of the call is wrong. */
function answer(call: unknown, field: "result" | "error", value: string | Buffer): Buffer {
  const id = idSchema.safeParse((call as { id?: unknown } | null)?.id);
  const head = id.success ? `{"id":${JSON.stringify(id.data)},"${field}":` : `{"${field}":`;
  return Buffer.concat([Buffer.from(head), typeof value === "string" ? Buffer.from(value) : value, Buffer.from("}")]);
}

/** The answers of a batch, put together in order. */
class Answers {
  readonly #parts: Buffer[];
  #bytes = 0;

  constructor(count: number) {
    this.#parts = new Array(count);
  }

  get full(): boolean {
    return this.#bytes >= LIMITS.messageBytes;
  }

  put(at: number, part: Buffer): void {
    this.#parts[at] = part;
    this.#bytes += part.length;
  }

  get body(): Buffer {
    const between = Buffer.from(",");
    const parts = this.#parts.flatMap((part, at) => (at === 0 ? [part] : [between, part]));
    return Buffer.concat([Buffer.from("["), ...parts, Buffer.from("]")]);
  }
}
