import { CountMeter, type Meter, TimeMeter } from "@aspen/feature";
import { ERROR_TABLE, findHostFunction, isAspenError } from "@aspen/plugin-api";

/** Counts and times what plugins do on this node. */
export class PluginMeters {
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

  readonly #plugins = new Set<{ readonly name: string; readonly memoryBytes: number | null }>();

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
    return [memory, this.#calls, this.#times, this.#waits, this.#hostCalls, this.#restarts];
  }

  /** Asks a plugin for its memory from now on; returns what ends that. */
  follow(plugin: { readonly name: string; readonly memoryBytes: number | null }): () => void {
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

  restarted(plugin: string): void {
    this.#restarts.add([plugin]);
  }
}

function codeOf(error: unknown): string {
  if (!isAspenError(error)) return "INTERNAL";
  return Object.hasOwn(ERROR_TABLE, error.code) ? error.code : "OTHER";
}
