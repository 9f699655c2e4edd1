// @aspen/plugin-host with @aspen/wasm-plugin: a plugin in the sandbox, in a program that is no node, on any store.
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { PluginHostContext } from "@aspen/plugin-host";
import { Dispatcher, HandlerRegistry, inProcessClient, type RpcClient } from "@aspen/rpc-core";
import type { Store } from "@aspen/storage";
import { WasmPluginHandler, WasmPluginRuntime } from "@aspen/wasm-plugin";

export interface Host extends AsyncDisposable {
  readonly client: RpcClient;
}

/** Compiles the plugin of a folder and serves its methods; the store stays open when the host is disposed. */
export async function hostPlugin(folder: string, { kv, blobs }: Store): Promise<Host> {
  const { manifest, wasm } = await compilePlugin(folder);
  const runtime = new WasmPluginRuntime();
  const host = new PluginHostContext(manifest, { kv, blobs, logger: console });
  const handler = await WasmPluginHandler.load({ runtime, manifest, wasm, host }).catch(async (error) => {
    await runtime[Symbol.asyncDispose]();
    throw error;
  });
  const registry = new HandlerRegistry();
  const remove = registry.register(handler);
  return {
    client: inProcessClient(new Dispatcher({ registry })),
    async [Symbol.asyncDispose]() {
      remove();
      await handler[Symbol.asyncDispose]();
      await runtime[Symbol.asyncDispose]();
    },
  };
}
