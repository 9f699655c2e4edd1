import { systemClock } from "@aspen/feature";
import { AuditTrail } from "@aspen/layers";
import type { Clock } from "@aspen/plugin-api";
import { type Caller, Dispatcher, HandlerRegistry, inProcessClient, type RpcClient } from "@aspen/rpc-core";
import type { KeyValueStore } from "@aspen/storage";
import { tokenHandler } from "../handlers/token.js";
import { AUDIT_PREFIX } from "./auth-keys.js";
import { AuthState } from "./auth-state.js";
import { TokenAuthority } from "./token-authority.js";
import { TokenDirectory } from "./token-directory.js";

export interface OpenTokensOptions {
  /** On whose behalf. */
  caller: Caller;
  /** @default the system's */
  clock?: Clock;
}

/** The methods `token.*` on a store. */
export interface Tokens extends AsyncDisposable {
  readonly client: RpcClient;
}

/**
 * The tokens of a store, without a node: how the first one is made where callers on the machine need one, too. Nodes that
 * use the store hear of what is done.
 *
 * @throws AspenError `STORE_INCONSISTENT` when the keys cannot be read, or what the store throws
 */
export async function openTokens(
  kv: KeyValueStore,
  { caller, clock = systemClock }: OpenTokensOptions,
): Promise<Tokens> {
  // Nothing is verified here, so that nothing has to be followed.
  const state = await AuthState.open({ kv, clock, follow: null });
  const directory = new TokenDirectory({ kv, state, clock });
  const audit = new AuditTrail({ prefix: AUDIT_PREFIX });
  const authority = new TokenAuthority({ kv, state, directory, audit, clock });
  const registry = new HandlerRegistry();
  const handler = await tokenHandler({ authority, directory }).create();
  if (handler) registry.register(handler);
  return {
    client: inProcessClient(new Dispatcher({ registry }), { caller }),
    [Symbol.asyncDispose]: () => state[Symbol.asyncDispose](),
  };
}
