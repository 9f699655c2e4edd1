import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller } from "@aspen/rpc-core";

/**
 * Paths of the node's HTTP front that a feature answers itself, with raw streams. The front has checked the host, the
 * origin, the caller and the length before; nothing has read the body.
 */
export interface HttpMount {
  /** Everything below it is the mount's: `/git` answers `/git` and `/git/…`. Two mounts never share a path. */
  readonly prefix: `/${string}`;
  /** `caller`: one that is known to the node; `public`: anybody who reaches it. */
  readonly access: "caller" | "public";
  /** Most bytes of a request's body; more is refused, or cut off while it is read. Null: no limit. */
  readonly maxBodyBytes: number | null;
  /** Answers one request. What it throws is answered as every error is, when nothing has been sent yet. */
  handle(request: IncomingMessage, response: ServerResponse, context: MountContext): Promise<void>;
}

/** What the front knows of a request to a mount. */
export interface MountContext {
  readonly requestId: string;
  /** Aborted when the client is gone or the node stops waiting. */
  readonly signal: AbortSignal;
  readonly caller: Caller;
  /** The path behind the prefix, `/` at least, as it was sent (not decoded), without the query. */
  readonly path: string;
}
