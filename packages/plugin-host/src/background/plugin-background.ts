import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { EventTrimmer, type TimerRun } from "@aspen/layers";
import {
  type Clock,
  defaultKvPrefix,
  every,
  type Logger,
  type PluginManifest,
  wholeNamespaces,
  withKvPrefixes,
} from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";
import type { KeyValueStore } from "@aspen/storage";
import type { HostMeasures } from "../host-context/host-function.js";
import type { NotifyKind, NotifyOptions } from "../runtime.js";
import { EventDelivery } from "./event-delivery.js";
import { type PluginTick, PluginTimers } from "./plugin-timers.js";

/** Milliseconds between two looks at how many events a plugin's namespaces hold. */
const TRIM_MS = 60_000;
/** Milliseconds that a plugin may be busy with other calls before it answers a timer or an event. */
const QUEUE_MS = 30_000;
const RETRY_MS = 250;
/** Milliseconds after its time from which on a tick is late. */
const LATE_MS = 1000;

/** True for a plugin that submits jobs and hears events. */
function mayBeTold(permissions: readonly string[]): boolean {
  return permissions.includes("hooks:subscribe") && permissions.some((one) => one.startsWith("jobs:submit:"));
}

/** Whatever tells the guest: a `PluginInstance`, or what stands before several. */
export interface NotifyTarget {
  notify(what: NotifyKind, input: object, options: NotifyOptions): Promise<void>;
}

export interface PluginBackgroundOptions {
  kv: KeyValueStore;
  logger: Logger;
  clock: Clock;
  /** Name of this node. */
  owner: string;
  /** Who tells it: the node. */
  caller: Caller;
  /** As it was granted. */
  manifest: PluginManifest;
  target: NotifyTarget;
  /** What is measured. @default nothing */
  measures?: Pick<HostMeasures, "event" | "tick"> | undefined;
  /** Milliseconds before an event or a tick with which it failed is told again; twice as many each time. @default 250 */
  retryMs?: number;
}

/**
 * What a plugin does on this node when nobody calls it: its timers, and the events that it follows. Disposing it takes on
 * nothing new, and waits for the calls under way, which end with their instance at the latest.
 */
export class PluginBackground implements AsyncDisposable {
  readonly #ended = new AbortController();
  readonly #parts: AsyncDisposable[] = [];
  readonly #starting: Promise<void>;

  constructor(private readonly options: PluginBackgroundOptions) {
    const { manifest } = options;
    const own = wholeNamespaces(withKvPrefixes(manifest.name, manifest.kv_prefixes));
    const may = (permission: string) => (manifest.permissions as string[]).includes(permission);
    // The ends of its jobs are told there, also to a plugin that has other namespaces.
    const ofJobs = mayBeTold(manifest.permissions) ? [defaultKvPrefix(manifest.name)] : [];
    const sources = [...new Set([...own, ...ofJobs])];
    if (may("hooks:subscribe") && manifest.subscriptions.length > 0 && sources.length > 0) this.#follow(sources);
    const trimmed = may("events:emit") ? sources : ofJobs;
    if (trimmed.length > 0) this.#trim(trimmed);
    this.#starting = may("timers") ? this.#runTimers() : Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#starting;
    await Promise.all(this.#parts.map((part) => part[Symbol.asyncDispose]()));
  }

  #follow(sources: readonly string[]): void {
    const { kv, logger, owner, manifest, clock, measures, retryMs = RETRY_MS } = this.options;
    this.#parts.push(
      new EventDelivery({
        ...{
          retryMs,
          kv,
          logger,
          owner,
          sources,
          clock,
          measures,
          plugin: manifest.name,
          subscriptions: manifest.subscriptions,
        },
        deliver: (event, chain, lost) => this.#notify("event", event, { chain }, lost),
      }),
    );
  }

  #trim(sources: readonly string[]): void {
    const { kv, logger, owner, manifest } = this.options;
    const trimmer = new EventTrimmer(kv, { owner });
    const trim = async (signal: AbortSignal) => {
      for (const source of sources) await trimmer.trim(source, signal);
    };
    const onError = (err: unknown) => {
      if (!this.#ended.signal.aborted) logger.warn({ plugin: manifest.name, err }, "old events could not be dropped");
    };
    this.#parts.push(every(TRIM_MS, trim, { onError }));
  }

  async #runTimers(): Promise<void> {
    const { kv, logger, owner, manifest, clock, retryMs = RETRY_MS } = this.options;
    const { name: plugin } = manifest;
    const { signal } = this.#ended;
    const timers = new PluginTimers({ kv, plugin, clock });
    while (!signal.aborted) {
      try {
        await timers.adopt(manifest.timers);
        break;
      } catch (err) {
        logger.warn({ plugin, err }, "the timers of a plugin's manifest could not be set; it is tried again");
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
    if (signal.aborted) return;
    const run: TimerRun = timers.run((tick) => this.#tick(tick), {
      ...{ owner, retryMs },
      // Longer than any call: a handler that is given up and goes on would be called beside itself.
      timeoutMs: 2 * this.#patienceMs,
      onError: (err, tick) => {
        if (!signal.aborted)
          logger.warn({ plugin, ...(tick ? { tick: tick.id } : {}), err }, "a plugin's timer failed");
      },
    });
    this.#parts.push(run);
  }

  async #tick(tick: PluginTick): Promise<void> {
    const { measures, manifest, clock } = this.options;
    const late = clock.now() - tick.scheduledAt > LATE_MS;
    try {
      await this.#notify("timer", tick, {});
      measures?.tick(manifest.name, late ? "late" : "fired");
    } catch (error) {
      measures?.tick(manifest.name, "failed");
      throw error;
    }
  }

  get #patienceMs(): number {
    return this.options.manifest.execution_timeout_ms + QUEUE_MS;
  }

  /** `lost` gives it up. */
  async #notify(what: NotifyKind, input: object, { chain }: { chain?: readonly string[] }, lost?: AbortSignal) {
    const { target, caller } = this.options;
    const over = new AbortController();
    const end = () => over.abort();
    const timer = setTimeout(end, this.#patienceMs);
    if (lost?.aborted) end();
    lost?.addEventListener("abort", end, { once: true });
    try {
      await target.notify(what, input, { requestId: randomUUID(), caller, chain, signal: over.signal });
    } finally {
      clearTimeout(timer);
      lost?.removeEventListener("abort", end);
    }
  }
}
