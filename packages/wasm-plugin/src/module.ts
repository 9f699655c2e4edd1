import "reflect-metadata";
import { PLUGIN_HOST } from "@aspen/plugin-host/module";
import { ContainerModule } from "inversify";
import type { WasmRuntimeOptions } from "./options.js";
import { WasmPluginRuntime } from "./wasm-runtime.js";

/** Binds the WASM tier as the runtime of the plugin host. Whoever composes the node disposes it. */
export function wasmPluginModule(options: WasmRuntimeOptions = {}): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(PLUGIN_HOST.runtime)
      .toDynamicValue(() => new WasmPluginRuntime(options))
      .inSingletonScope();
  });
}
