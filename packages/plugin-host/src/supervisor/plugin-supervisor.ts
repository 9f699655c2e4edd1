import { type DependencyProblem, pluginApiErrors, resolveLoadOrder } from "@aspen/plugin-api";
import type { HandlerRegistry } from "@aspen/rpc-core";
import { pluginErrors } from "../errors.js";
import type { HostLogger } from "../logger.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot, PluginStore } from "../plugin-store/plugin-store.js";
import type { PluginInstance } from "../runtime.js";
import { resolveSupervisorOptions, type SupervisorOptions } from "./options.js";
import type { PluginStarter } from "./starter.js";
import { drainInstance, type PluginStatus, SupervisedPlugin } from "./supervised-plugin.js";
import { Turns } from "./turns.js";

export interface PluginSupervisorParts {
  store: PluginStore;
  starter: PluginStarter;
  registry: HandlerRegistry;
  logger: HostLogger;
}

/** A change of one plugin, carried out in that plugin's turn. */
export interface PluginReplacement {
  /** What to start; `code` null takes the wasm from the blob store. */
  prepare(): Promise<{ record: PluginRecord; code: Uint8Array | null }>;
  /** Stores it, when it has started. */
  commit(record: PluginRecord): Promise<void>;
}

/** Makes this node run what the store says is installed, and keeps it so. */
export class PluginSupervisor implements AsyncDisposable {
  readonly #options: Required<SupervisorOptions>;
  readonly #plugins = new Map<string, SupervisedPlugin>();
  readonly #turns = new Turns();
  #corrupt: PluginSnapshot["corrupt"] = new Map();
  #epoch: number | null | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #healthTimer: NodeJS.Timeout | undefined;
  #storeFailed = false;
  #stopped = false;

  constructor(
    private readonly parts: PluginSupervisorParts,
    options: SupervisorOptions = {},
  ) {
    this.#options = resolveSupervisorOptions(options);
  }

  /** Starts every enabled plugin, then follows the store. A plugin that is slow to start does not hold up a node for longer than `startMs`. */
  async start(): Promise<void> {
    const { startMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), startMs);
    });
    const started = this.reconcile();
    const first = await Promise.race([started, late]);
    clearTimeout(timer);
    if (first === "late") this.parts.logger.warn({ startMs }, "plugins are still starting");
    started.catch((error) => this.#onStoreError(error));
    this.#schedulePoll();
    this.#scheduleHealth();
  }

  list(): PluginStatus[] {
    return [...this.#plugins.values()].map((plugin) => plugin.status()).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Names of plugins whose records cannot be read. */
  get corrupt(): ReadonlyMap<string, Error> {
    return this.#corrupt;
  }

  /** @throws AspenError `PLUGIN_NOT_FOUND`, or `INTERNAL` when its record cannot be read */
  get(name: string): SupervisedPlugin {
    const plugin = this.#plugins.get(name);
    if (!plugin) throw this.#corrupt.get(name) ?? pluginErrors.notFound(name);
    return plugin;
  }

  /** Methods of other plugins that never reach them, because `name` answers first. */
  takenOverBy(name: string): { method: string; from: string }[] {
    return [...this.#plugins.values()].flatMap((plugin) =>
      plugin.shadowed.filter(({ by }) => by === name).map(({ method }) => ({ method, from: plugin.name })),
    );
  }

  /**
   * Starts what `prepare` decides on, stores it with `commit`, and lets it serve in place of the revision
   * before, whose calls end in peace. When anything throws, what served before still does.
   */
  replace(name: string, change: PluginReplacement): Promise<SupervisedPlugin> {
    return this.#turns.take(name, async () => {
      if (this.#stopped) throw pluginErrors.notServing(name, "the node is stopping");
      const { starter } = this.parts;
      const { record, code: given } = await change.prepare();
      const code = given ?? (await starter.load(record));
      await starter.verify(record, code);
      const instance = await starter.start(record, code);
      try {
        await change.commit(record);
      } catch (error) {
        await instance[Symbol.asyncDispose]();
        throw error;
      }
      return this.#adopt(record, instance);
    });
  }

  /** Looks at the store now and makes the node so; resolves when every change has been carried out. */
  async reconcile(): Promise<void> {
    const snapshot = await this.parts.store.snapshot();
    this.#epoch = snapshot.epoch;
    for (const [name, error] of snapshot.corrupt) {
      if (!this.#corrupt.has(name))
        this.parts.logger.error({ plugin: name, err: error }, "a plugin's record cannot be read");
    }
    this.#corrupt = snapshot.corrupt;
    const enabled = [...snapshot.records.values()].filter((record) => record.enabled);
    const { order, problems } = resolveLoadOrder(enabled.map(({ manifest }) => manifest));
    const turns = new Map<string, Promise<void>>();
    for (const { name } of order)
      turns.set(
        name,
        this.#turns.take(name, () => this.#follow(name, turns)),
      );
    for (const name of new Set([...this.#plugins.keys(), ...snapshot.records.keys()])) {
      if (turns.has(name)) continue;
      const problem = problems.find(({ plugin }) => plugin === name);
      turns.set(
        name,
        this.#turns.take(name, () => this.#follow(name, turns, problem)),
      );
    }
    await Promise.all(turns.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#pollTimer);
    clearTimeout(this.#healthTimer);
    await this.#turns.idle();
    await Promise.all([...this.#plugins.values()].map((plugin) => plugin.stop(null, this.#options.drainMs)));
    for (const plugin of this.#plugins.values()) plugin.forget();
    this.#plugins.clear();
  }

  /** Makes this node so for one plugin, after the plugins it depends on. */
  async #follow(name: string, turns: ReadonlyMap<string, Promise<void>>, problem?: DependencyProblem): Promise<void> {
    if (this.#stopped) return;
    // A record that cannot be read changes nothing: what runs goes on.
    if (this.#corrupt.has(name)) return;
    // What was decided while this waited for its turn is newer than the snapshot.
    const record = await this.parts.store.get(name);
    if (!record) return this.#remove(name);
    const plugin = this.#plugin(record);
    if (!record.enabled) return plugin.stop(record, this.#options.drainMs);
    if (!plugin.wants(record, Date.now())) return;
    if (problem) return this.#refuse(plugin, record, problem);
    await Promise.all(record.manifest.dependencies.map((dependency) => turns.get(dependency.name)));
    await this.#start(plugin, record);
  }

  async #start(plugin: SupervisedPlugin, record: PluginRecord): Promise<void> {
    const { starter, logger } = this.parts;
    const { version } = record.manifest;
    try {
      plugin.beginLoading(record);
      const code = await starter.load(record);
      await starter.verify(record, code);
      plugin.beginInitializing();
      this.#adopt(record, await starter.start(record, code));
      logger.info({ plugin: plugin.name, version }, "plugin started");
    } catch (error) {
      plugin.fail(error, this.#options.retryMs);
      logger.error(
        { plugin: plugin.name, version, err: error },
        "a plugin could not be started; it will be tried again",
      );
    }
  }

  async #refuse(plugin: SupervisedPlugin, record: PluginRecord, problem: DependencyProblem): Promise<void> {
    if (plugin.serving) await plugin.stop(record, this.#options.drainMs);
    plugin.beginLoading(record);
    plugin.fail(pluginApiErrors.dependency([problem]), this.#options.retryMs);
  }

  #adopt(record: PluginRecord, instance: PluginInstance): SupervisedPlugin {
    const plugin = this.#plugin(record);
    const old = plugin.adopt(record, instance);
    if (old) void drainInstance(old, plugin.name, this.#options.drainMs, this.parts.logger);
    return plugin;
  }

  async #remove(name: string): Promise<void> {
    const plugin = this.#plugins.get(name);
    if (!plugin) return;
    // Unknown from now on to callers; those under way still end.
    plugin.forget();
    this.#plugins.delete(name);
    await plugin.stop(null, this.#options.drainMs);
  }

  #plugin(record: PluginRecord): SupervisedPlugin {
    const { name } = record.manifest;
    let plugin = this.#plugins.get(name);
    if (!plugin) {
      plugin = new SupervisedPlugin(record, this.parts.registry, this.parts.logger);
      this.#plugins.set(name, plugin);
    }
    return plugin;
  }

  #schedulePoll(): void {
    if (this.#stopped) return;
    this.#pollTimer = setTimeout(() => {
      this.#poll()
        .catch((error) => this.#onStoreError(error))
        .finally(() => this.#schedulePoll());
    }, this.#options.pollMs);
    this.#pollTimer.unref();
  }

  async #poll(): Promise<void> {
    const epoch = await this.parts.store.epoch();
    const behind = [...this.#plugins.values()].some((plugin) => plugin.behind);
    this.#storeFailed = false;
    // Not awaited: one plugin's slow start must not keep this node from seeing further changes.
    if (epoch !== this.#epoch || behind) this.reconcile().catch((error) => this.#onStoreError(error));
  }

  #onStoreError(error: unknown): void {
    if (!this.#storeFailed)
      this.parts.logger.warn({ err: error }, "the store cannot be read; plugins stay as they are");
    this.#storeFailed = true;
  }

  #scheduleHealth(): void {
    if (this.#stopped) return;
    this.#healthTimer = setTimeout(() => {
      void this.#checkHealth().finally(() => this.#scheduleHealth());
    }, this.#options.healthMs);
    this.#healthTimer.unref();
  }

  async #checkHealth(): Promise<void> {
    await Promise.all(
      [...this.#plugins.values()].map(async (plugin) => {
        const health = await plugin.checkHealth();
        if (health) plugin.report(health);
      }),
    );
  }
}
