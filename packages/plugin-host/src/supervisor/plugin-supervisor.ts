import type { AspenError, PluginManifest } from "@aspen/plugin-api";
import {
  allowedKvPrefixes,
  type DependencyProblem,
  isAspenError,
  pluginApiErrors,
  resolveLoadOrder,
} from "@aspen/plugin-api";
import { pluginErrors } from "../errors.js";
import { OfficialPlugins } from "../official/official-plugins.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot } from "../plugin-store/plugin-store.js";
import type { PluginInstance } from "../runtime.js";
import type { Follow } from "./follow.js";
import { logHeld } from "./log-held.js";
import { NotedStarts } from "./noted-starts.js";
import { resolveSupervisorOptions, type SupervisorOptions } from "./options.js";
import { orAborted } from "./or-aborted.js";
import type { PluginReplacement, PluginSupervisorParts } from "./parts.js";
import { StartOrder } from "./start-order.js";
import { StartsUnderWay, type StartUnderWay } from "./starts-under-way.js";
import { StorePoll } from "./store-poll.js";
import { drainInstance, type PluginStatus, SupervisedPlugin } from "./supervised-plugin.js";
import { SuspectTrials } from "./suspect-trials.js";
import { Turns } from "./turns.js";

/** Makes this node run what the store says is installed, and keeps it so. */
export class PluginSupervisor implements AsyncDisposable {
  /** The official plugins of this node. */
  readonly official: OfficialPlugins;
  readonly #options: Required<SupervisorOptions>;
  readonly #plugins = new Map<string, SupervisedPlugin>();
  readonly #turns = new Turns();
  /** Turns of plugins to be followed that have not begun: one serves everybody who asks meanwhile. */
  readonly #waiting = new Map<string, Promise<void>>();
  readonly #starts = new StartsUnderWay();
  readonly #order = new StartOrder((name) => {
    const plugin = this.#plugins.get(name);
    return !plugin || plugin.serving ? [] : plugin.manifest.dependencies;
  });
  readonly #notes: NotedStarts;
  readonly #suspects: SuspectTrials;
  readonly #draining = new Set<Promise<void>>();
  #corrupt: PluginSnapshot["corrupt"] = new Map();
  #epoch: number | null | undefined;
  readonly #poll: StorePoll;
  #stopped = false;
  /** The first starts of all plugins; never rejects. */
  #started: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: PluginSupervisorParts,
    options: SupervisorOptions = {},
  ) {
    this.#options = resolveSupervisorOptions(options);
    this.official = parts.official ?? new OfficialPlugins();
    this.#notes = new NotedStarts(parts.store, parts.logger, this.#options);
    this.#poll = new StorePoll({
      ...{ ...parts, everyMs: this.#options.pollMs, onDue: () => this.reconcile() },
      isBehind: () => [...this.#plugins.values()].some((plugin) => this.#isDue(plugin)),
      isDue: (epoch) => epoch !== this.#epoch,
    });
    this.#suspects = new SuspectTrials({
      suspectMs: this.#options.suspectMs,
      notes: this.#notes,
      look: () => this.#look(),
      settled: (record) => this.#stopped || (this.#plugins.get(record.manifest.name)?.runs(record) ?? false),
      start: (name, alone) => this.#take(name, { turns: new Map(), alone }),
      giveUp: (name, reason) => this.#starts.get(name)?.giveUp(reason),
      inTurn: (record, task) => {
        const { name } = record.manifest;
        return this.#turns.take(name, () => this.#underWay(name, record.revision, ({ signal }) => task(signal)));
      },
    });
  }

  /** This node starts no plugin. */
  get safeMode(): boolean {
    return this.#options.safeMode;
  }

  /**
   * Starts every enabled plugin, then follows the store. Resolves when calls of them all are taken: those of a plugin
   * that still starts wait. With `startMs` it waits for the starts as well, for so long at most.
   */
  async start(): Promise<void> {
    const { startMs, safeMode } = this.#options;
    if (safeMode) this.parts.logger.warn({}, "safe mode: no plugin is started");
    else await this.parts.store.assertConfigured();
    await this.#notes.settleLeft();
    await this.#announce();
    this.#started = this.#startAll().catch((error) => this.#poll.failed(error));
    if (startMs === 0) return;
    const late = () => this.parts.logger.warn({ startMs }, "plugins are still starting");
    await orAborted(this.#started, AbortSignal.timeout(startMs)).catch(late);
  }

  list(): PluginStatus[] {
    return [...this.#plugins.values()].map((plugin) => plugin.status()).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Prefixes of the keys of every plugin; light enough to be asked for each request. */
  *kvPrefixes(): Generator<string> {
    for (const plugin of this.#plugins.values()) yield* allowedKvPrefixes(plugin.manifest);
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

  /** @throws AspenError `PLUGIN_TIER_UNAVAILABLE` when this node lacks the tier of such a plugin */
  assertTier(manifest: PluginManifest): void {
    this.parts.starter.assertTier(manifest);
  }

  /**
   * @throws AspenError `PLUGIN_TIER_UNAVAILABLE` when this node lacks its tier, `PLUGIN_OFFICIAL` when it has what only an
   * official plugin of this node may have, `PLUGIN_PREFIX_CONFLICT` when its keys are those of a configured one
   */
  assertMayRun(record: PluginRecord): void {
    if (!this.parts.store.configured.has(record.manifest.name)) this.official.assertMayRun(record);
    this.parts.store.configured.assertBeside(record);
    this.assertTier(record.manifest);
  }

  /**
   * Starts what `prepare` decides on, stores it with `commit`, and lets it serve in place of the revision
   * before, whose calls end in peace. When anything throws, what served before still does.
   */
  replace(name: string, change: PluginReplacement): Promise<SupervisedPlugin> {
    return this.#turns.take(name, async () => {
      if (this.#stopped) throw pluginErrors.notServing(name, "the node is stopping");
      if (this.safeMode) throw pluginErrors.safeMode(name);
      const { starter } = this.parts;
      const { record, files, basis } = await change.prepare();
      this.assertMayRun(record);
      const instance = await this.#underWay(name, basis, async ({ signal }) => {
        const artifact = starter.artifact(record, files ?? (await starter.load(record)));
        await orAborted(starter.verify(artifact), signal);
        try {
          return await this.#notes.run(record, signal, () => starter.start(artifact, record.config, signal));
        } catch (error) {
          // Whatever was changed meanwhile may say better why this cannot be any more.
          if (signal.aborted && !this.#stopped) await change.prepare();
          throw error;
        }
      });
      try {
        await change.commit(record);
      } catch (error) {
        await instance[Symbol.asyncDispose]();
        throw error;
      }
      return this.#adopt(record, instance);
    });
  }

  /** Gives up a start of this plugin that is under way, because something newer is wanted. */
  giveUpStart(name: string): void {
    this.#starts.get(name)?.giveUp(pluginErrors.changedMeanwhile());
  }

  /** Makes this node so for one plugin, whatever the others do. A start of what it was before is given up. */
  async follow(name: string): Promise<void> {
    const { problems } = await this.#look();
    await this.#giveUpOutdated(name);
    this.#order.hurry(name);
    await this.#take(name, { turns: new Map(), problem: problems.find(({ plugin }) => plugin === name) });
  }

  /** Looks at the store now and makes the node so; resolves when every change has been carried out. */
  async reconcile(): Promise<void> {
    const { order, problems, snapshot } = await this.#look();
    this.#epoch = snapshot.epoch;
    const turns = new Map<string, Promise<void>>();
    for (const { name } of order) turns.set(name, this.#take(name, { turns }));
    for (const name of new Set([...this.#plugins.keys(), ...snapshot.records.keys()])) {
      if (turns.has(name)) continue;
      turns.set(name, this.#take(name, { turns, problem: problems.find(({ plugin }) => plugin === name) }));
    }
    const revisionOf = (name: string) => snapshot.records.get(name)?.revision ?? null;
    const outdated = this.#starts.entries().filter(([name, { basis }]) => revisionOf(name) !== basis);
    await Promise.all([...turns.values(), ...outdated.map(([name]) => this.#giveUpOutdated(name))]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#poll[Symbol.dispose]();
    for (const [name, start] of this.#starts.entries()) {
      start.giveUp(pluginErrors.notServing(name, "the node is stopping"));
    }
    await this.#started;
    await this.#turns.idle();
    await this.#notes[Symbol.asyncDispose]();
    await Promise.all([
      ...this.#draining,
      ...[...this.#plugins.values()].map((plugin) => plugin.stop(null, this.#options.drainMs)),
    ]);
    for (const plugin of this.#plugins.values()) plugin.forget();
    this.#plugins.clear();
  }

  /**
   * First what a node died of before, each alone, so that a second death says which it was; then all others; then those
   * that were being started elsewhere, by a node that turned out to be dead.
   */
  async #startAll(): Promise<void> {
    try {
      if (!this.safeMode) await this.#suspects.run(false);
    } finally {
      // Earlier it might start something beside a suspect.
      this.#poll.begin();
    }
    await this.reconcile();
    if (!this.safeMode) await this.#suspects.run(true);
  }

  /** What is installed has its methods from now on, and calls of what is to be started wait for that. */
  async #announce(): Promise<void> {
    const { snapshot } = await this.#look();
    for (const record of snapshot.records.values()) {
      const plugin = this.#plugin(record);
      if (!(await this.#keepsStopped(plugin, record))) plugin.expectStart();
    }
  }

  async #look() {
    const snapshot = await this.parts.store.snapshot();
    for (const [name, error] of snapshot.corrupt) {
      if (!this.#corrupt.has(name))
        this.parts.logger.error({ plugin: name, err: error }, "a plugin's record cannot be read");
    }
    this.#corrupt = snapshot.corrupt;
    const enabled = [...snapshot.records.values()].filter((record) => record.enabled);
    return { snapshot, ...resolveLoadOrder(enabled.map(({ manifest }) => manifest)) };
  }

  #take(name: string, how: Follow): Promise<void> {
    if (how.alone) return this.#turns.take(name, () => this.#follow(name, how));
    const waiting = this.#waiting.get(name);
    if (waiting) return waiting;
    const turn = this.#turns.take(name, () => {
      this.#waiting.delete(name);
      return this.#follow(name, how);
    });
    this.#waiting.set(name, turn);
    return turn;
  }

  /** Makes this node so for one plugin, after the plugins it depends on. */
  async #follow(name: string, { turns, problem, alone = false }: Follow): Promise<void> {
    if (this.#stopped) return;
    // A record that cannot be read changes nothing: what runs goes on.
    const unreadable = this.#corrupt.get(name);
    if (unreadable) return this.#plugins.get(name)?.endWait(unreadable);
    // What was decided while this waited for its turn is newer than the snapshot.
    const record = await this.parts.store.get(name);
    if (!record) return this.#remove(name);
    const plugin = this.#plugin(record);
    if (await this.#keepsStopped(plugin, record)) return;
    const verdict = record.startDeath?.verdict;
    if (verdict === "quarantined" || (verdict === "suspect" && !alone && !plugin.runs(record))) {
      return this.#holdDeadly(plugin, record);
    }
    const refusal = this.#refusalOf(record);
    if (refusal) return this.#hold(plugin, record, refusal);
    if (alone ? plugin.runs(record) : !plugin.wants(record)) return;
    if (problem) return this.#refuse(plugin, record, problem);
    await this.#start(plugin, record, turns);
  }

  /** Stops what is not to run on this node, and says whether that is so. */
  async #keepsStopped(plugin: SupervisedPlugin, record: PluginRecord): Promise<boolean> {
    if (record.enabled && !this.safeMode) return false;
    await plugin.stop(record, this.#options.drainMs, record.enabled ? pluginErrors.safeMode(plugin.name) : null);
    return true;
  }

  async #start(plugin: SupervisedPlugin, record: PluginRecord, turns: Follow["turns"]): Promise<void> {
    const { starter, logger } = this.parts;
    const { name } = plugin;
    const { version, dependencies } = record.manifest;
    await this.#underWay(name, record.revision, async ({ signal }) => {
      try {
        plugin.beginLoading(record);
        await orAborted(Promise.all(dependencies.map((dependency) => turns.get(dependency.name))), signal);
        using _turn = await this.#order.turn(name, signal);
        const artifact = starter.artifact(record, await starter.load(record));
        await orAborted(starter.verify(artifact), signal);
        plugin.beginInitializing();
        const instance = await this.#notes.run(record, signal, () => starter.start(artifact, record.config, signal));
        this.#adopt(record, instance);
        logger.info({ plugin: name, version }, "plugin started");
      } catch (error) {
        if (signal.aborted) {
          plugin.giveUp(signal.reason);
          logger.info({ plugin: name, version }, "the start of a plugin was given up");
          return;
        }
        plugin.fail(error, this.#options.retryMs);
        logger.error({ plugin: name, version, err: error }, "a plugin could not be started; it will be tried again");
      } finally {
        this.#order.forget(name);
      }
    });
  }

  async #underWay<T>(name: string, basis: string | null, task: (start: StartUnderWay) => Promise<T>): Promise<T> {
    using start = this.#starts.begin(name, basis);
    if (this.#stopped) start.giveUp(pluginErrors.notServing(name, "the node is stopping"));
    return await task(start);
  }

  /** Gives up a start that was decided on another revision than the one stored. */
  async #giveUpOutdated(name: string): Promise<void> {
    const start = this.#starts.get(name);
    if (!start) return;
    // What cannot be read changes nothing.
    const record = await this.parts.store.get(name).catch(() => undefined);
    // What begins meanwhile has seen at least this.
    if (record === undefined || this.#starts.get(name) !== start) return;
    if ((record?.revision ?? null) !== start.basis) start.giveUp(pluginErrors.changedMeanwhile());
  }

  async #refuse(plugin: SupervisedPlugin, record: PluginRecord, problem: DependencyProblem): Promise<void> {
    if (plugin.serving) await plugin.stop(record, this.#options.drainMs);
    plugin.beginLoading(record);
    plugin.fail(pluginApiErrors.dependency([problem]), this.#options.retryMs);
  }

  /** Does not start what nodes died of, and ends it where it runs; an older code that serves goes on. */
  async #holdDeadly(plugin: SupervisedPlugin, record: PluginRecord): Promise<void> {
    if (plugin.runsCode(record) && record.startDeath?.verdict === "quarantined") {
      await plugin.stop(record, this.#options.drainMs);
    }
    this.#hold(plugin, record, pluginErrors.startDied(plugin.name, record.startDeath!));
  }

  /** Why this node may not start it, whatever it does; null when it may. */
  #refusalOf(record: PluginRecord): AspenError | null {
    try {
      this.assertMayRun(record);
      return null;
    } catch (error) {
      if (isAspenError(error)) return error;
      throw error;
    }
  }

  /** Does not start it until its record says otherwise; an older revision that serves goes on. */
  #hold(plugin: SupervisedPlugin, record: PluginRecord, error: AspenError): void {
    if (plugin.hold(record, error)) logHeld(this.parts.logger, this.official, record, error);
  }

  #adopt(record: PluginRecord, instance: PluginInstance): SupervisedPlugin {
    const plugin = this.#plugin(record);
    const old = plugin.adopt(record, instance);
    if (old) {
      const drained = drainInstance(old, plugin.name, this.#options.drainMs, this.parts.logger);
      this.#draining.add(drained);
      drained.catch(() => undefined).finally(() => this.#draining.delete(drained));
    }
    return plugin;
  }

  async #remove(name: string): Promise<void> {
    const plugin = this.#plugins.get(name);
    if (!plugin) return;
    // Unknown from now on to callers; those under way still end.
    plugin.forget();
    this.#plugins.delete(name);
    this.#order.forget(name);
    await plugin.stop(null, this.#options.drainMs);
  }

  #plugin(record: PluginRecord): SupervisedPlugin {
    const { name } = record.manifest;
    let plugin = this.#plugins.get(name);
    if (!plugin) {
      const { healthMs, healthTimeoutMs } = this.#options;
      const health = { everyMs: healthMs, timeoutMs: healthTimeoutMs, caller: this.parts.starter.caller };
      const onAwaited = () => this.#order.hurry(name);
      const breaker = { failures: this.#options.breakerFailures, openMs: this.#options.breakerMs };
      plugin = new SupervisedPlugin(record, { ...this.parts, breaker, health, onAwaited });
      this.#plugins.set(name, plugin);
    }
    return plugin;
  }

  /** A plugin that is tried again, or whose start nobody has carried out. */
  #isDue(plugin: SupervisedPlugin): boolean {
    const { name, behind, awaited } = plugin;
    return behind || (awaited && !this.#starts.get(name) && !this.#waiting.has(name));
  }
}
