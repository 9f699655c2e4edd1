import type { Logger } from "@aspen/plugin-api";
import {
  AspenError,
  type AspenErrorJson,
  allowedKvPrefixes,
  isServing,
  Lifecycle,
  type LifecycleState,
  type PluginManifest,
  type PluginOverrides,
  type PluginTierName,
} from "@aspen/plugin-api";
import type { HandlerRegistry, ShadowedMethod } from "@aspen/rpc-core";
import { pluginErrors } from "../errors.js";
import { PluginHandler } from "../plugin-handler/plugin-handler.js";
import type { PluginMeters } from "../plugin-meters.js";
import { codeHash } from "../plugin-store/code-hash.js";
import { grantedManifest, type PluginRecord, type StoredArtifact } from "../plugin-store/plugin-record.js";
import type { CallOptions, NotifyKind, NotifyOptions, PluginHealth, PluginInstance } from "../runtime.js";
import { AwaitingCalls } from "./awaiting-calls.js";
import type { BreakerOptions, BreakerStatus } from "./breaker.js";
import { CallGate } from "./call-gate.js";
import { HealthLoop, type HealthLoopOptions } from "./health-loop.js";
import type { PluginStarter } from "./starter.js";

const RETRY_MAX_MS = 60_000;

/** A plugin as `plugin.list` and `plugin.info` show it. */
export interface PluginStatus {
  name: string;
  version: string;
  /** On this node. */
  state: LifecycleState;
  enabled: boolean;
  priority: number;
  handles: string[];
  permissions: string[];
  kvPrefixes: string[];
  /** The timers of its manifest; those that it sets itself are its own. */
  timers: PluginManifest["timers"];
  subscriptions: PluginManifest["subscriptions"];
  /** Bytes of one instance. */
  memoryLimit: number;
  executionTimeoutMs: number;
  maxInstances: number;
  /** What of this was granted in place of what its manifest asks for, in the manifest's terms. */
  overrides: PluginOverrides;
  description?: string;
  tier: PluginTierName;
  artifacts: Omit<StoredArtifact, "tag">[];
  /** Name of the feature whose official plugin it says it is, or null. */
  official: string | null;
  revision: string;
  installedAt: string;
  updatedAt: string;
  /** Why it failed or is degraded. */
  error?: AspenErrorJson;
  /** It is out of service on this node, because it failed again and again. */
  breaker?: BreakerStatus;
}

export interface SupervisedPluginParts {
  registry: HandlerRegistry;
  logger: Logger;
  meters?: PluginMeters | undefined;
  breaker: BreakerOptions;
  health: Pick<HealthLoopOptions, "everyMs" | "timeoutMs" | "caller">;
  /** Begins what it does when nobody calls it. */
  starter: Pick<PluginStarter, "background" | "usage">;
  /** A call came that waits for the plugin's start. */
  onAwaited(): void;
}

/** One plugin on this node: the revision that serves, and how the last start went. */
export class SupervisedPlugin {
  readonly #lifecycle = new Lifecycle();
  #record: PluginRecord;
  #instance: PluginInstance | null = null;
  #unregister: () => void = () => undefined;
  #handler: PluginHandler;
  readonly #gate: CallGate;
  #error: AspenError | null = null;
  #failures = 0;
  #startedBefore = false;
  readonly #unfollow: (() => void) | undefined;
  /** On the clock of `performance.now()`, which nobody sets. */
  #retryAt = 0;
  #health: HealthLoop | null = null;
  #background: AsyncDisposable | null = null;
  /** What earlier revisions did, which ends with their calls. */
  readonly #ending = new Set<Promise<void>>();
  /** The revision that was tried last; while an older one serves, `#record` is that one's. */
  #tried = "";
  /** Calls that wait for the start; null when calls are answered, or refused, at once. */
  #awaiting: AwaitingCalls | null = null;

  constructor(
    record: PluginRecord,
    private readonly parts: SupervisedPluginParts,
  ) {
    this.#record = record;
    const { name: plugin } = record.manifest;
    const { logger, meters, breaker, starter } = parts;
    this.#gate = new CallGate({ plugin, logger, meters, breaker, usage: () => starter.usage(plugin) });
    this.#handler = this.#register(record);
    this.#unfollow = parts.meters?.follow(this);
  }

  get name(): string {
    return this.#record.manifest.name;
  }

  /** As it was granted. */
  get manifest(): PluginManifest {
    return grantedManifest(this.#record);
  }

  get state(): LifecycleState {
    return this.#lifecycle.state;
  }

  get serving(): boolean {
    return this.#instance !== null && isServing(this.state);
  }

  /** True when its first start is still ahead, or under way. */
  get awaited(): boolean {
    return this.#awaiting !== null;
  }

  /** True when the revision that it should run could not be started, though an older one may serve. */
  get behind(): boolean {
    return this.#failures > 0;
  }

  get shadowed(): ShadowedMethod[] {
    return this.parts.registry.shadowed(this.#handler);
  }

  /** True when `record` is to be started now: another revision, or a failed one whose time has come again. */
  wants(record: PluginRecord): boolean {
    if (this.#tried !== record.revision) return true;
    return !this.runs(record) && performance.now() >= this.#retryAt;
  }

  /** True when this very revision serves. */
  runs(record: PluginRecord): boolean {
    return this.serving && this.#record.revision === record.revision;
  }

  /** True when this code serves, of this revision or of one before. */
  runsCode(record: PluginRecord): boolean {
    return this.serving && codeHash(this.#record) === codeHash(record);
  }

  /** It is going to be started: calls wait for that from now on. */
  expectStart(): void {
    this.#awaiting ??= new AwaitingCalls(this.name);
  }

  /** A start begins. When a revision serves, it goes on and the states do not change. */
  beginLoading(record: PluginRecord): void {
    this.#tried = record.revision;
    if (this.#instance) return;
    this.#show(record);
    if (this.state !== "loading") this.#lifecycle.transition("loading");
    // After a failure calls hear of it, and do not wait for a start that may fail again.
    if (this.#failures === 0) this.expectStart();
  }

  beginInitializing(): void {
    if (!this.#instance) this.#lifecycle.transition("initializing");
  }

  /** The new revision serves from now on; returns the one it replaces. */
  adopt(record: PluginRecord, instance: PluginInstance): PluginInstance | null {
    const old = this.#instance;
    if (this.#startedBefore) this.parts.meters?.restarted(this.name);
    this.#startedBefore = true;
    this.#tried = record.revision;
    this.#instance = instance;
    this.#health?.[Symbol.dispose]();
    this.#health = new HealthLoop(instance, { ...this.parts.health, report: (health) => this.#report(health) });
    this.#show(record);
    this.#endBackground();
    this.#background = this.parts.starter.background(this.manifest, this);
    this.#error = null;
    this.#failures = 0;
    this.#gate.reset();
    if (this.state === "stopped" || this.state === "failed") this.#lifecycle.transition("loading");
    if (this.state === "loading") this.#lifecycle.transition("initializing");
    if (this.state !== "ready") this.#lifecycle.transition("ready");
    this.#endWait();
    return old;
  }

  /** The start failed; a revision that served goes on. */
  fail(error: unknown, retryMs: number): void {
    this.#retryAt = performance.now() + Math.min(retryMs * 2 ** this.#failures, RETRY_MAX_MS);
    this.#failures += 1;
    this.#failed(AspenError.from(error));
  }

  /** It is not to be started until its record says otherwise; a revision that served goes on. True when that is new. */
  hold(record: PluginRecord, error: AspenError): boolean {
    const known = this.#tried === record.revision && this.#error?.message === error.message;
    this.beginLoading(record);
    this.#retryAt = 0;
    this.#failures = 0;
    this.#failed(error);
    return !known;
  }

  /** The start was given up; what comes next decides anew. */
  giveUp(error: AspenError): void {
    this.#tried = "";
    this.#failed(error);
  }

  #failed(error: AspenError): void {
    this.#error = error;
    if (!this.#instance && this.state !== "failed") {
      if (this.state === "stopped") this.#lifecycle.transition("loading");
      this.#lifecycle.transition("failed");
    }
    this.#endWait();
  }

  /** Whoever waits for the start hears why there is none; nothing else changes. */
  endWait(why: AspenError): void {
    if (!this.#awaiting) return;
    this.#error = why;
    this.#endWait();
  }

  #endWait(): void {
    const awaiting = this.#awaiting;
    this.#awaiting = null;
    awaiting?.settle();
  }

  /** What the health check said. */
  #report(health: PluginHealth): void {
    if (!this.serving) return;
    if (health.state === "healthy" && this.state === "degraded") {
      this.#error = null;
      this.#lifecycle.transition("ready");
    } else if (health.state === "degraded") {
      this.#error = new AspenError("PLUGIN_UNAVAILABLE", health.message);
      if (this.state === "ready") this.#lifecycle.transition("degraded");
    }
  }

  /** Answers calls no more and lets those under way end; calls from now on hear why. */
  async stop(record: PluginRecord | null, drainMs: number, why: AspenError | null = null): Promise<void> {
    const instance = this.#instance;
    this.#instance = null;
    this.#health?.[Symbol.dispose]();
    this.#health = null;
    this.#endBackground();
    if (record) this.#show(record);
    this.#tried = record?.revision ?? "";
    this.#error = why;
    this.#failures = 0;
    this.#endWait();
    if (this.state === "stopped") return;
    if (this.state === "failed") {
      this.#lifecycle.transition("stopped");
      return;
    }
    if (this.state === "loading") this.#lifecycle.transition("initializing");
    this.#lifecycle.transition("stopping");
    if (instance) await drainInstance(instance, this.name, drainMs, this.parts.logger);
    await Promise.all(this.#ending);
    this.#lifecycle.transition("stopped");
  }

  /** Its methods are no longer this plugin's. */
  forget(): void {
    this.#unregister();
    this.#unfollow?.();
  }

  /** Bytes of memory that its instances had when they were last heard of; null when its tier cannot say. */
  get memoryBytes(): number | null {
    return this.#instance?.memoryBytes ?? null;
  }

  /** That it is out of service because it failed again and again; null when it is not. */
  get broken(): BreakerStatus | null {
    return this.#gate.breaker;
  }

  notify(what: NotifyKind, input: object, options: NotifyOptions): Promise<void> {
    const instance = this.#instance;
    if (instance) return this.#gate.notify(() => instance.notify(what, input, options));
    return Promise.reject(pluginErrors.notServing(this.name, this.#why()));
  }

  call(method: string, params: unknown, options: CallOptions): Promise<unknown> {
    const call = () => this.#gate.call(() => this.#call(method, params, options));
    return this.parts.meters?.call(this.name, call) ?? call();
  }

  #call(method: string, params: unknown, options: CallOptions): Promise<unknown> {
    if (this.#instance) return this.#instance.call(method, params, options);
    if (!this.#awaiting) return Promise.reject(pluginErrors.notServing(this.name, this.#why()));
    const started = this.#awaiting.join(params, options);
    this.parts.onAwaited();
    return started.then(() => this.#call(method, params, options));
  }

  status(): PluginStatus {
    const { artifacts, overrides, official, enabled, revision, installedAt, updatedAt } = this.#record;
    const { manifest } = this;
    const { version, priority, handles, permissions, timers, subscriptions, description } = manifest;
    return {
      name: this.name,
      version,
      state: this.state,
      enabled,
      priority,
      handles,
      permissions,
      kvPrefixes: [...allowedKvPrefixes(manifest)],
      timers,
      subscriptions,
      memoryLimit: manifest.memory_limit,
      executionTimeoutMs: manifest.execution_timeout_ms,
      maxInstances: manifest.max_instances,
      overrides,
      ...(description === undefined ? {} : { description }),
      tier: manifest.entry.kind,
      artifacts: artifacts.map(({ name, hash, bytes }) => ({ name, hash, bytes })),
      official,
      revision,
      installedAt,
      updatedAt,
      ...(this.#error ? { error: this.#error.toJSON() } : {}),
      ...(this.broken ? { breaker: this.broken } : {}),
    };
  }

  /** Nothing new is taken on; what is under way ends with the instance. */
  #endBackground(): void {
    const background = this.#background;
    this.#background = null;
    if (!background) return;
    const plugin = this.name;
    const ended = Promise.resolve(background[Symbol.asyncDispose]())
      .catch((err: unknown) =>
        this.parts.logger.warn({ plugin, err }, "timers or events of a plugin did not end in order"),
      )
      .finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #why(): string {
    if (!this.#record.enabled) return "it is disabled; enable it with `aspen plugin enable`";
    if (this.#error && this.state === "failed") {
      return `it could not be started (${this.#error.code}: ${this.#error.message})`;
    }
    if (this.#error) return this.#error.message;
    return `it is ${this.state}`;
  }

  #show(record: PluginRecord): void {
    const before = this.manifest;
    this.#record = record;
    const { manifest } = this;
    if (before.priority === manifest.priority && before.handles.join() === manifest.handles.join()) return;
    const unregister = this.#unregister;
    // The successor first, so that there is no moment without a handler.
    this.#handler = this.#register(record);
    unregister();
  }

  #register(record: PluginRecord): PluginHandler {
    const handler = new PluginHandler(grantedManifest(record), this);
    this.#unregister = this.parts.registry.register(handler);
    return handler;
  }
}

/** Lets an instance end its calls within `drainMs`, then frees it, whatever happens. */
export async function drainInstance(
  instance: PluginInstance,
  plugin: string,
  drainMs: number,
  logger: Logger,
): Promise<void> {
  const limit = AbortSignal.timeout(drainMs);
  try {
    await instance.drain(limit);
  } catch (error) {
    logger.warn({ plugin, err: error }, "a plugin did not stop in order");
  } finally {
    await instance[Symbol.asyncDispose]();
  }
}
