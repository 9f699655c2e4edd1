import type { GuestCaller } from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";

/** What a guest learns of its caller. */
export function guestCaller({ kind, id, grants: { methods, kvPrefixes } }: Caller): GuestCaller {
  return { kind, id, grants: { methods, kvPrefixes } };
}
