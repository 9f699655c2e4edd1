import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller } from "@aspen/rpc-core";

/**
 * Paths of the node's HTTP front that a feature answers itself, with raw streams. The front has checked the host, the
 * origin, the caller and the length before; nothing has read the body. Requests of a mount arrive within
 * `limits.requestTimeoutMs`, as all do; an answer may take as long as it likes. Upgrades are not offered.
 */
export interface HttpMount {
  /** Everything below it is the mount's: `/git` answers `/git` and `/git/…`. Two mounts never share a path. */
  readonly prefix: `/${string}`;
  /** `caller`: one that is known to the node; `public`: anybody who reaches it. */
  readonly access: "caller" | "public";
  /** Most bytes of a request's body; more is refused, or cut off while it is read. Null: no limit. */
  readonly maxBodyBytes: number | null;
  /**
   * Answers one request; resolves when the answer is given. One that is not even begun within `limits.requestTimeoutMs`
   * after that counts as a defect. What it throws is answered as every error is, when nothing
   * has been sent yet; otherwise the connection is cut, so that the client does not take a part for the whole.
   */
  handle(request: IncomingMessage, response: ServerResponse, context: MountContext): Promise<void>;
}

/** What the front knows of a request to a mount. */
export interface MountContext {
  /** Also sent with the answer, as `x-request-id`. */
  readonly requestId: string;
  /** Aborted when the client is gone or the node stops waiting. */
  readonly signal: AbortSignal;
  readonly caller: Caller;
  /** The path behind the prefix, `/` at least, as it was sent (not decoded), without the query. */
  readonly path: string;
}
