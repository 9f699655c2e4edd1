import { CountMeter, type Meter, TimeMeter } from "@aspen/feature";
import { ERROR_TABLE, findHostFunction, isAspenError } from "@aspen/plugin-api";
import type { EventOutcome, HostMeasures, TickOutcome } from "./host-context/host-function.js";

/** What is asked of a plugin whenever the meters are read. */
export interface FollowedPlugin {
  readonly name: string;
  readonly memoryBytes: number | null;
  /** Null while calls are let through. */
  readonly broken: object | null;
}

/** Counts and times what plugins do on this node. */
export class PluginMeters implements HostMeasures {
  readonly #calls = new CountMeter(
    "aspen_plugin_calls_total",
    "Calls of a plugin that were answered, by code (OK, that of the error, or OTHER for the plugin's own).",
    ["plugin", "code"],
  );
  readonly #times = new TimeMeter("aspen_plugin_call_seconds", "Time to answer a call of a plugin.", ["plugin"]);
  readonly #waits = new TimeMeter("aspen_plugin_queue_wait_seconds", "Time that a call waits for an instance.", [
    "plugin",
  ]);
  readonly #hostCalls = new CountMeter(
    "aspen_plugin_host_calls_total",
    "Host calls of a plugin; those that its own thread serves are counted within a second.",
    ["plugin", "function"],
  );
  readonly #restarts = new CountMeter(
    "aspen_plugin_restarts_total",
    "Starts of a plugin that had been started before, and instances that ended before their time.",
    ["plugin"],
  );

  readonly #limited = new CountMeter(
    "aspen_plugin_limited_total",
    "Calls and host calls of a plugin that were refused because of a limit, by its name.",
    ["plugin", "limit"],
  );
  readonly #events = new CountMeter(
    "aspen_plugin_events_total",
    "Events of which a plugin was told, by outcome: delivered, retried (it failed and is told again) or dead.",
    ["plugin", "outcome"],
  );
  readonly #lags = new TimeMeter(
    "aspen_plugin_event_lag_seconds",
    "Time from when an event was emitted until the plugin had taken it, or it was dead.",
    ["plugin"],
  );
  readonly #ticks = new CountMeter(
    "aspen_plugin_timer_ticks_total",
    "Ticks of a plugin's timers, by outcome: fired, late (begun over a second after its time) or failed.",
    ["plugin", "outcome"],
  );

  readonly #plugins = new Set<FollowedPlugin>();

  get meters(): readonly Meter[] {
    const memory: Meter = {
      name: "aspen_plugin_memory_bytes",
      help: "Memory of a plugin's instances, as it was when they were last heard of.",
      kind: "gauge",
      collect: () =>
        [...this.#plugins].flatMap(({ name, memoryBytes }) =>
          memoryBytes === null ? [] : [{ value: memoryBytes, labels: { plugin: name } }],
        ),
    };
    const broken: Meter = {
      name: "aspen_plugin_out_of_service",
      help: "1 for a plugin that is out of service because it failed again and again, otherwise 0.",
      kind: "gauge",
      collect: () =>
        [...this.#plugins].map((plugin) => ({ value: plugin.broken ? 1 : 0, labels: { plugin: plugin.name } })),
    };
    return [
      memory,
      broken,
      this.#calls,
      this.#times,
      this.#waits,
      this.#hostCalls,
      this.#restarts,
      this.#limited,
      this.#events,
      this.#lags,
      this.#ticks,
    ];
  }

  /** Asks a plugin for its memory and its breaker from now on; returns what ends that. */
  follow(plugin: FollowedPlugin): () => void {
    this.#plugins.add(plugin);
    return () => this.#plugins.delete(plugin);
  }

  async call<T>(plugin: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    let code = "OK";
    try {
      return await work();
    } catch (error) {
      code = codeOf(error);
      throw error;
    } finally {
      this.#calls.add([plugin, code]);
      this.#times.observe([plugin], performance.now() - began);
    }
  }

  waited(plugin: string, ms: number): void {
    this.#waits.observe([plugin], ms);
  }

  hostCall(plugin: string, name: string, times = 1): void {
    this.#hostCalls.add([plugin, findHostFunction(name) ? name : "unknown"], times);
  }

  limited(plugin: string, limit: string): void {
    this.#limited.add([plugin, limit]);
  }

  event(plugin: string, outcome: EventOutcome, lagMs: number | null): void {
    this.#events.add([plugin, outcome]);
    if (lagMs !== null) this.#lags.observe([plugin], Math.max(0, lagMs));
  }

  tick(plugin: string, outcome: TickOutcome): void {
    this.#ticks.add([plugin, outcome]);
  }

  restarted(plugin: string): void {
    this.#restarts.add([plugin]);
  }
}

function codeOf(error: unknown): string {
  if (!isAspenError(error)) return "INTERNAL";
  return Object.hasOwn(ERROR_TABLE, error.code) ? error.code : "OTHER";
}
