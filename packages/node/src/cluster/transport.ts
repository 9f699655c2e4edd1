import { isUtf8 } from "node:buffer";
import { type AspenError, decodeUtf8, isAspenError, LIMITS } from "@aspen/plugin-api";
import { JsonBytes, rpcErrors } from "@aspen/rpc-core";
import { RemoteError } from "@aspen/rpc-core/remote";
import { Agent } from "undici";
import { wasNotSent } from "./not-sent.js";

/** Milliseconds to wait for a connection: who does not answer by then is taken for dead, and another is asked. */
const CONNECT_MS = 2000;
/** Most connections to one node; further requests wait for one of them. */
const CONNECTIONS_MAX = 128;
/** Most bytes of an answer, as for every client of a node. */
const ANSWER_BYTES_MAX = 8 * LIMITS.messageBytes;

export interface Transmission {
  address: string;
  method: string;
  params: JsonBytes;
  headers: Readonly<Record<string, string>>;
  signal: AbortSignal;
  timeoutMs: number;
}

/** Sends requests to other nodes, over connections that are kept. */
export class Transport implements AsyncDisposable {
  readonly #agent = new Agent({ connections: CONNECTIONS_MAX, connect: { timeout: CONNECT_MS }, pipelining: 1 });

  /**
   * Resolves with the answer's result.
   *
   * @throws AspenError what the node answered (`RemoteError`), `NODE_UNREACHABLE` when nothing was sent or no node
   * answered, `OUTCOME_UNKNOWN` when the connection was lost, `CANCELLED` by the signal, `DEADLINE_EXCEEDED`
   */
  async send({ address, method, params, headers, signal, timeoutMs }: Transmission): Promise<JsonBytes> {
    const url = new URL(address);
    try {
      const response = await this.#agent.request({
        origin: url.origin,
        path: `${url.pathname.replace(/\/$/, "")}/rpc/${encodeURIComponent(method)}`,
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: params.bytes,
        signal,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      return resultOf(address, response.statusCode, await bytesOf(method, response.body));
    } catch (error) {
      throw signal.aborted && !isAspenError(error)
        ? rpcErrors.cancelled(method)
        : failureOf(address, method, timeoutMs, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

async function bytesOf(method: string, body: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > ANSWER_BYTES_MAX) throw rpcErrors.answerTooLarge(method, ANSWER_BYTES_MAX);
    parts.push(part);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size);
}

function resultOf(address: string, status: number, bytes: Buffer): JsonBytes {
  if (!isUtf8(bytes)) throw rpcErrors.notANode(address, status);
  if (status === 200) return new JsonBytes(bytes);
  const error = errorIn(bytes);
  if (error === null) throw rpcErrors.notANode(address, status);
  throw new RemoteError(error);
}

function errorIn(bytes: Buffer): object | null {
  try {
    const { error } = JSON.parse(decodeUtf8(bytes)) as { error?: unknown };
    return typeof error === "object" ? error : null;
  } catch {
    // No answer of a node; the caller says so.
    return null;
  }
}

function failureOf(address: string, method: string, timeoutMs: number, error: unknown): AspenError {
  if (isAspenError(error)) return error;
  const { code } = error as { code?: string };
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT")
    return rpcErrors.timedOut(method, timeoutMs);
  if (wasNotSent(error)) return rpcErrors.unreachable(address, error);
  return rpcErrors.connectionLost(address, method, error);
}
