import type { Service } from "@aspen/feature";
import type { PluginSupervisor } from "./supervisor/plugin-supervisor.js";

/** Runs what is installed as long as the node runs. It ends the tiers, too, when no plugin needs them any more. */
export class PluginsService implements Service {
  readonly name = "plugins";

  constructor(
    private readonly supervisor: PluginSupervisor,
    private readonly runtimes: readonly AsyncDisposable[],
  ) {}

  start(): Promise<void> {
    return this.supervisor.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor[Symbol.asyncDispose]();
    await Promise.all(this.runtimes.map((runtime) => runtime[Symbol.asyncDispose]()));
  }
}
