import { PLUGIN_HOST, pluginHostModule } from "@aspen/plugin-host/module";
import { RPC } from "@aspen/rpc-core/module";
import type { Store } from "@aspen/storage";
import { wasmPluginModule } from "@aspen/wasm-plugin/module";
import { type Container, ContainerModule } from "inversify";
import type { Logger } from "pino";
import type { Cleanup } from "../cleanup.js";
import type { ResolvedNodeConfig } from "../config.js";
import { pluginHandlerFactory } from "../handlers/plugin.js";

/** What the feature `plugins-wasm` adds to a node's container. */
export function pluginModules({ safeMode }: ResolvedNodeConfig, logger: Logger, store: Store): ContainerModule[] {
  const reader = store.workerReader ?? null;
  const supervisor = { safeMode, soleNode: store.exclusive ?? false };
  return [pluginHostModule({ logger, supervisor }), wasmPluginModule({ reader }), pluginHandlerModule()];
}

/** Makes what runs plugins, and leaves it to `cleanup`, which stops them, too. Handlers may use it before it is started. */
export function ownPlugins(container: Container, cleanup: Cleanup): void {
  const runtime = container.get(PLUGIN_HOST.runtime);
  cleanup.add(() => runtime[Symbol.asyncDispose]());
  const supervisor = container.get(PLUGIN_HOST.supervisor);
  cleanup.add(() => supervisor[Symbol.asyncDispose]());
}

/** Starts what is installed. */
export async function startPlugins(container: Container): Promise<void> {
  await container.get(PLUGIN_HOST.supervisor).start();
}

function pluginHandlerModule(): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(RPC.handlerFactory).toResolvedValue(pluginHandlerFactory, [PLUGIN_HOST.installer, PLUGIN_HOST.supervisor]);
  });
}
