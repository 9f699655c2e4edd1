import { type Caller, grantsKey, grantsMethod } from "@aspen/rpc-core";
import type { Asking } from "../domain/access.js";

/** A caller of the node, as the forge asks what it may do. */
export function askingOf({ kind, id, grants }: Caller): Asking {
  return {
    ...{ kind, id },
    mayCall: (method) => grantsMethod(grants, method),
    mayKey: (key) => grantsKey(grants, key),
  };
}
