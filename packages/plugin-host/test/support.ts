import { setTimeout as delay } from "node:timers/promises";
import { AspenError, decodeUtf8, encodeUtf8, type PluginManifestInput } from "@aspen/plugin-api";
import { type Caller, Dispatcher, HandlerRegistry, inProcessClient } from "@aspen/rpc-core";
import { blobHash, type Store } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import {
  type HealthOptions,
  type NotifyKind,
  type NotifyOptions,
  type OfficialPlugin,
  OfficialPlugins,
  type PluginArtifact,
  type PluginHealth,
  PluginInstaller,
  type PluginInstance,
  type PluginLimitOptions,
  type PluginRuntime,
  PluginStarter,
  PluginStore,
  PluginSupervisor,
  type SupervisorOptions,
} from "../src/index.js";
import { PluginMeters } from "../src/plugin-meters.js";

/** What a scripted plugin does; its code is this as JSON. */
export interface Script {
  answer?: unknown;
  /** Milliseconds a call takes. */
  callMs?: number;
  /** Milliseconds a start takes. */
  startMs?: number;
  startError?: string;
  unhealthy?: string;
  /** Its health checks after the first never answer. */
  healthHangs?: boolean;
}

/** An event or a tick that a scripted plugin was told of. */
export interface Told {
  what: NotifyKind;
  input: { id: string; data?: unknown; name?: string };
  by: string;
  chain: readonly string[];
}

/** Runs plugins that are scripts, and keeps count of what was started and freed. */
export class ScriptedRuntime implements PluginRuntime {
  readonly tier = "wasm";
  /** What it says about code before it starts; nothing by itself. */
  verify?: NonNullable<PluginRuntime["verify"]>;
  readonly started: string[] = [];
  readonly running = new Set<ScriptedInstance>();
  /** Set to make every later start fail, or every health check answer so. */
  startError: string | undefined;
  health: PluginHealth = { state: "healthy" };
  healthError: Error | null = null;
  /** What every later call fails with. */
  callError: AspenError | null = null;
  /** Calls that have begun. */
  calls = 0;
  /** What plugins have done with what they were told of. */
  readonly told: Told[] = [];
  /** Who has asked for the health of a plugin. */
  readonly askers: Caller[] = [];
  /** Milliseconds that every later start takes. */
  startMs = 0;
  /** Holds every later start up, whatever its signal says. */
  deaf: Promise<void> | null = null;
  /** Names of plugins whose start has begun. */
  readonly begun: string[] = [];

  async start({ manifest, files }: PluginArtifact, _host: unknown, signal?: AbortSignal): Promise<PluginInstance> {
    const script = JSON.parse(decodeUtf8(files.get("plugin.wasm")!)) as Script;
    this.begun.push(manifest.name);
    const startMs = script.startMs ?? this.startMs;
    if (startMs) await delay(startMs, undefined, signal ? { signal } : {});
    await this.deaf;
    const failure = this.startError ?? script.startError;
    if (failure) throw new AspenError("PLUGIN_TRAP", failure);
    this.started.push(`${manifest.name} ${manifest.version}`);
    const instance = new ScriptedInstance(script, this);
    this.running.add(instance);
    return instance;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

class ScriptedInstance implements PluginInstance {
  readonly #calls = new Set<Promise<void>>();
  #freed = false;
  #asked = 0;

  constructor(
    private readonly script: Script,
    private readonly runtime: ScriptedRuntime,
  ) {}

  async call(): Promise<unknown> {
    if (this.#freed) throw new Error("a freed instance was called");
    this.runtime.calls += 1;
    const failure = this.runtime.callError;
    const work = delay(this.script.callMs ?? 0);
    this.#calls.add(work);
    await work;
    this.#calls.delete(work);
    if (this.#freed) throw new AspenError("PLUGIN_UNAVAILABLE", "freed under a call");
    if (failure) throw failure;
    return this.script.answer ?? null;
  }

  async notify(what: NotifyKind, input: object, { caller, chain = [] }: NotifyOptions): Promise<void> {
    await this.call();
    this.runtime.told.push({ what, input: input as Told["input"], by: caller.kind, chain });
  }

  async health({ caller }: HealthOptions): Promise<PluginHealth> {
    this.runtime.askers.push(caller);
    const { unhealthy, healthHangs } = this.script;
    if (healthHangs && this.#asked++ > 0) return new Promise(() => undefined);
    if (this.runtime.healthError) throw this.runtime.healthError;
    return unhealthy ? { state: "degraded", message: unhealthy } : this.runtime.health;
  }

  async drain(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([Promise.all(this.#calls), aborted]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#freed = true;
    this.runtime.running.delete(this);
  }
}

export interface LogLine {
  level: string;
  fields: Record<string, unknown>;
  message: string;
}

/** One node's worth of plugin host, on a store that it may share with others. */
export class Host implements AsyncDisposable {
  readonly runtime = new ScriptedRuntime();
  readonly registry = new HandlerRegistry();
  readonly client = inProcessClient(new Dispatcher({ registry: this.registry }));
  readonly logs: LogLine[] = [];
  readonly meters = new PluginMeters();
  readonly plugins: PluginStore;
  readonly supervisor: PluginSupervisor;
  readonly installer: PluginInstaller;

  constructor(
    readonly store: Store = new MemoryStore(),
    options: SupervisorOptions = {},
    official: readonly OfficialPlugin[] = [],
    limits: PluginLimitOptions = {},
  ) {
    const { kv, blobs } = store;
    const log = (level: string) => (fields: object, message: string) =>
      void this.logs.push({ level, fields: fields as Record<string, unknown>, message });
    const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
    this.plugins = new PluginStore(kv);
    const starter = new PluginStarter({ runtimes: [this.runtime], kv, blobs, logger, limits });
    this.supervisor = new PluginSupervisor(
      {
        store: this.plugins,
        starter,
        registry: this.registry,
        official: new OfficialPlugins(official),
        logger,
        meters: this.meters,
      },
      { pollMs: 10, retryMs: 10, startMs: 30_000, ...options },
    );
    this.installer = new PluginInstaller({ store: this.plugins, blobs, supervisor: this.supervisor, logger });
  }

  static async start(
    store?: Store,
    options?: SupervisorOptions,
    official?: readonly OfficialPlugin[],
    limits?: PluginLimitOptions,
  ): Promise<Host> {
    const host = new Host(store, options, official, limits);
    await host.supervisor.start();
    return host;
  }

  /** What a meter shows, by its labels. */
  async measured(name: string): Promise<Record<string, number>> {
    const meter = this.meters.meters.find((one) => one.name === name)!;
    const measured = await meter.collect();
    return Object.fromEntries(measured.map(({ value, labels = {} }) => [Object.values(labels).join(" "), value]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor[Symbol.asyncDispose]();
  }
}

/** What `installer.install` takes, for a scripted plugin. */
export function scripted(name: string, script: Script, manifest: Partial<PluginManifestInput> = {}) {
  const content = encodeUtf8(JSON.stringify(script));
  return {
    manifest: {
      name,
      version: "1.0.0",
      api_version: "1",
      handles: [`${name}.*`],
      wasm_hash: blobHash(content),
      ...manifest,
    },
    artifacts: [{ name: "plugin.wasm", content }],
  };
}

/** Resolves when `check` holds; fails after `patienceMs`. */
export async function eventually(check: () => boolean | Promise<boolean>, patienceMs = 10_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`did not come true within ${patienceMs} ms: ${check}`);
    await delay(5);
  }
}
