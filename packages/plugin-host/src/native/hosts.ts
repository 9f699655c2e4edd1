import { AsyncLocalStorage } from "node:async_hooks";
import { NATIVE_HOSTS, type NativeHost } from "@aspen/plugin-api/abi";

/**
 * Tells the code of native plugins which host it talks to. One for the process: several copies of this package, and of the
 * SDK in the plugins, share it.
 */
export function nativeHosts(): AsyncLocalStorage<NativeHost> {
  const scope = globalThis as { [NATIVE_HOSTS]?: AsyncLocalStorage<NativeHost> };
  scope[NATIVE_HOSTS] ??= new AsyncLocalStorage();
  return scope[NATIVE_HOSTS];
}
