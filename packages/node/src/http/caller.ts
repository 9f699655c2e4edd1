import type { IncomingMessage } from "node:http";
import { type Caller, LOCAL_CALLER } from "@aspen/rpc-core";
import { refuseForeign } from "./authority.js";

/**
 * Who sends a request. The front listens on loopback only and has no tokens yet, so that whoever reaches it is local.
 *
 * @throws AspenError `INVALID_PARAMS` without one host, `PERMISSION_DENIED` for another site
 */
export function callerOf(request: IncomingMessage): Caller {
  refuseForeign(request);
  return LOCAL_CALLER;
}
