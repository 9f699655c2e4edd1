import { AspenError, type AspenErrorJson } from "@aspen/plugin-api";
import { cliErrors } from "./errors.js";
import type { NodeAddress } from "./node-address.js";

export interface NodeClientOptions extends NodeAddress {
  /** Milliseconds to wait for an answer. */
  timeoutMs: number;
}

/** An error that the node answered with. */
export class RemoteError extends AspenError {
  readonly requestId: string | undefined;

  constructor(json: Partial<AspenErrorJson> & { requestId?: unknown }) {
    const { code, message, details } = AspenError.fromJSON(json);
    super(code, message, details);
    this.requestId = typeof json.requestId === "string" ? json.requestId : undefined;
  }
}

/** Calls the methods of a node over HTTP. */
export class NodeClient {
  constructor(private readonly options: NodeClientOptions) {}

  /** @throws AspenError what the node answered, `NODE_UNREACHABLE`, `DEADLINE_EXCEEDED` or `OUTCOME_UNKNOWN` */
  call<Result = unknown>(method: string, params: unknown = {}): Promise<Result> {
    return this.callJson(method, JSON.stringify(params));
  }

  /** {@link call} with params that are JSON already, which are sent as they are: `-0` stays what it is. */
  async callJson<Result = unknown>(method: string, params: string): Promise<Result> {
    const { url, authorization, timeoutMs } = this.options;
    let status: number;
    let text: string;
    try {
      const response = await fetch(new URL(`rpc/${encodeURIComponent(method)}`, url), {
        method: "POST",
        headers: { "content-type": "application/json", ...(authorization === null ? {} : { authorization }) },
        body: params,
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      });
      status = response.status;
      text = await response.text();
    } catch (error) {
      if (error instanceof Error && error.name === "TimeoutError") throw cliErrors.timeout(method, timeoutMs);
      if (error instanceof Error && isLost(error)) throw cliErrors.connectionLost(url, method, error);
      throw cliErrors.unreachable(url, error);
    }
    const answer = parse(text);
    if (status === 200 && answer !== undefined) return answer as Result;
    const error = (answer as { error?: unknown } | null | undefined)?.error;
    if (typeof error !== "object" || error === null) throw cliErrors.notANode(url, status);
    throw new RemoteError(error);
  }
}

/** True when there was a connection, which ended under the call: codes of undici's errors and of sockets. */
function isLost(error: Error): boolean {
  const { cause } = error as { cause?: { code?: unknown } };
  return ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(String(cause?.code)) || error.message === "terminated";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not an answer of a node; the caller says so.
    return undefined;
  }
}
