import { isUtf8 } from "node:buffer";
import { type AspenError, decodeUtf8, isAspenError, LIMITS } from "@aspen/plugin-api";
import { JsonBytes, rpcErrors } from "@aspen/rpc-core";
import { RemoteError } from "@aspen/rpc-core/remote";
import type { Agent, buildConnector } from "undici";
import { nodeErrors } from "../errors.js";
import { AnswerReader, type RawAnswer } from "./answer-reader.js";
import { wasNotSent } from "./not-sent.js";
import type { PeerTls } from "./peer-tls.js";

/** Milliseconds to wait for a connection: who does not answer by then is taken for dead, and another is asked. */
const CONNECT_MS = 2000;
/** Most connections to one node; further requests wait for one of them. */
const CONNECTIONS_MAX = 128;
/** Most bytes of an answer, as for every client of a node. */
const ANSWER_BYTES_MAX = 8 * LIMITS.messageBytes;

/** Milliseconds to which timeouts are rounded up. */
const TIMEOUT_STEP_MS = 10_000;
/** Addresses that are remembered in parts. */
const PLACES_MAX = 1000;

/** Where a node takes requests. */
interface Place {
  origin: string;
  /** To which a method is added. */
  path: string;
}

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
  #agent: Promise<Agent> | null = null;
  #closed = false;
  readonly #places = new Map<string, Place>();

  /** @param tls what is shown to others and who is trusted, for each connection; null for what Node.js does by itself */
  constructor(private readonly tls: (() => Promise<PeerTls>) | null = null) {}

  /**
   * Resolves with the answer's result.
   *
   * @throws AspenError what the node answered (`RemoteError`), `NODE_UNREACHABLE` when nothing was sent or no node
   * answered, `OUTCOME_UNKNOWN` when the connection was lost, `CANCELLED` by the signal, `DEADLINE_EXCEEDED`
   */
  async send({ address, method, params, headers, signal, timeoutMs }: Transmission): Promise<JsonBytes> {
    try {
      signal.throwIfAborted();
      if (this.#closed) throw nodeErrors.stopping();
      this.#agent ??= openAgent(this.tls);
      const agent = await this.#agent;
      const { origin, path } = this.#placeOf(address);
      // Who calls is told of his deadline by the signal, to the millisecond; one and the same timeout for many requests
      // on a connection needs no timer of its own for each.
      const timeout = Math.ceil(timeoutMs / TIMEOUT_STEP_MS) * TIMEOUT_STEP_MS;
      const { status, bytes } = await new Promise<RawAnswer>((resolve, reject) => {
        agent.dispatch(
          {
            origin,
            path: path + encodeURIComponent(method),
            method: "POST",
            headers: { ...headers, "content-type": "application/json" },
            body: params.bytes,
            headersTimeout: timeout,
            bodyTimeout: timeout,
          },
          new AnswerReader({
            ...{ signal, limit: ANSWER_BYTES_MAX, resolve, reject },
            tooLarge: () => rpcErrors.answerTooLarge(method, ANSWER_BYTES_MAX),
          }),
        );
      });
      return resultOf(address, status, bytes);
    } catch (error) {
      throw signal.aborted && !isAspenError(error)
        ? rpcErrors.cancelled(method)
        : failureOf(address, method, timeoutMs, error);
    }
  }

  #placeOf(address: string): Place {
    let place = this.#places.get(address);
    if (!place) {
      const { origin, pathname } = new URL(address);
      place = { origin, path: `${pathname.replace(/\/$/, "")}/rpc/` };
      if (this.#places.size >= PLACES_MAX) this.#places.clear();
      this.#places.set(address, place);
    }
    return place;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await (await this.#agent)?.destroy();
  }
}

/** The client is over a hundred files, which a node without others need not load. */
async function openAgent(tls: (() => Promise<PeerTls>) | null): Promise<Agent> {
  const { Agent, buildConnector } = await import("undici");
  const timeout = CONNECT_MS;
  const connect: buildConnector.connector = (options, callback) => {
    tls!().then(
      (shown) => buildConnector({ ...shown, timeout })(options, callback),
      (error: Error) => callback(error, null),
    );
  };
  return new Agent({ connections: CONNECTIONS_MAX, connect: tls ? connect : { timeout }, pipelining: 1 });
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
