import type { Service } from "@aspen/feature";
import type { PluginInstaller } from "./installer/plugin-installer.js";
import type { OfficialPlugin } from "./official/official-plugin.js";
import type { PluginSupervisor } from "./supervisor/plugin-supervisor.js";

export interface PluginsServiceParts {
  supervisor: PluginSupervisor;
  installer: PluginInstaller;
  /** In the order of their features. */
  official: readonly OfficialPlugin[];
  /** The tiers, which it ends when no plugin needs them any more. */
  runtimes: readonly AsyncDisposable[];
}

/** Runs what is installed, and what the node's features bring, as long as the node runs. */
export class PluginsService implements Service {
  readonly name = "plugins";

  constructor(private readonly parts: PluginsServiceParts) {}

  /** @throws AspenError why a feature's official plugin cannot be there */
  async start(signal: AbortSignal): Promise<void> {
    const { supervisor, installer, official } = this.parts;
    await supervisor.start();
    // One by one: a feature may need the plugin of one that it requires.
    for (const plugin of official) {
      signal.throwIfAborted();
      await installer.installOfficial(plugin);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { supervisor, runtimes } = this.parts;
    await supervisor[Symbol.asyncDispose]();
    await Promise.all(runtimes.map((runtime) => runtime[Symbol.asyncDispose]()));
  }
}
