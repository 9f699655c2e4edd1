import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClusterPort, systemClock } from "@aspen/feature";
import { type Logger, type PluginManifest, parseManifest } from "@aspen/plugin-api";
import { accessMiddleware, type Caller, Dispatcher, HandlerRegistry, LOCAL_CALLER, nodeCaller } from "@aspen/rpc-core";
import type { Store } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { PluginBackground } from "../background/plugin-background.js";
import { PluginHostContext } from "../host-context/host-context.js";
import type { PluginLimitOptions } from "../limits/options.js";
import { PluginUsage } from "../limits/plugin-usage.js";
import { PluginHandler } from "../plugin-handler/plugin-handler.js";
import type { PluginHttpOptions } from "../plugin-http.js";
import type { PluginArtifact, PluginInstance, PluginRuntime } from "../runtime.js";
import type { PluginFixture, PluginRuntimeHarness } from "./harness.js";
import { RecordedJobs } from "./recorded-jobs.js";

/** Both in the sources and in what is built of them. */
const FIXTURES = fileURLToPath(new URL("../../fixtures", import.meta.url));

export type FixtureName = "suite" | "neighbour" | "abi" | "hostile";

export interface LogLine {
  level: string;
  message: string;
  fields?: Record<string, unknown>;
  requestId?: string;
}

export interface StartOptions {
  /** @default "suite" */
  fixture?: FixtureName;
  /** Fields of the manifest in place of the fixture's. */
  manifest?: Partial<PluginManifest>;
  /** @default {} */
  config?: Record<string, unknown>;
  /** Whether there are jobs. @default true */
  jobs?: boolean;
  /** What it may do. @default it has no limits */
  limits?: PluginLimitOptions;
  /** How it asks other hosts. @default DNS */
  outbound?: PluginHttpOptions;
  /** Whether there are nodes. @default true */
  cluster?: boolean;
  signal?: AbortSignal;
}

/** One plugin that the bench has started. */
export class StartedPlugin {
  constructor(
    readonly instance: PluginInstance,
    private readonly begin: () => AsyncDisposable,
  ) {}

  /** Begins its timers and its events, as a node does. The bench ends them, when nobody has. */
  background(): AsyncDisposable {
    return this.begin();
  }

  call(
    method: string,
    params: unknown = null,
    options: { requestId?: string; signal?: AbortSignal; caller?: Caller } = {},
  ) {
    return this.instance.call(method, params, { requestId: "suite-request", caller: LOCAL_CALLER, ...options });
  }

  health(signal?: AbortSignal) {
    return this.instance.health({ caller: nodeCaller("suite"), signal });
  }
}

/** A runtime on a store, and what its plugins logged and were denied. */
export class RuntimeBench implements AsyncDisposable {
  readonly logs: LogLine[] = [];
  readonly denied: string[] = [];
  readonly cluster: ClusterPort = {
    info: () => ({
      self: "n1",
      nodes: [{ id: "n1", version: "1.0.0", state: "serving", healthy: true, features: [] }],
    }),
  };
  /** What was measured of events and timers. */
  readonly measured: string[] = [];
  readonly jobs = new RecordedJobs();
  /** What its node says of plugins. */
  readonly told: string[] = [];
  /** What plugins may call. */
  readonly methods = new HandlerRegistry();
  readonly #dispatcher = new Dispatcher({ registry: this.methods, middleware: [accessMiddleware(this.methods)] });
  readonly #registered = new Map<string, () => void>();
  readonly #backgrounds: PluginBackground[] = [];
  readonly #logger: Logger;

  constructor(
    readonly runtime: PluginRuntime,
    private readonly artifacts: (fixture: FixtureName) => Promise<PluginArtifact>,
    /** Disposed with it. */
    readonly store: Store = new MemoryStore(),
  ) {
    const say = (_fields: object, message: string) => void this.told.push(message);
    this.#logger = { debug: say, info: say, warn: say, error: say };
  }

  async start({
    fixture = "suite",
    manifest,
    config,
    jobs = true,
    cluster = true,
    outbound,
    limits,
    signal,
  }: StartOptions = {}): Promise<StartedPlugin> {
    const artifact = await this.artifacts(fixture);
    const granted = { ...artifact.manifest, ...manifest };
    const host = new PluginHostContext(
      granted,
      {
        dispatcher: this.#dispatcher,
        outbound,
        usage: limits && new PluginUsage(granted.name, limits),
        kv: this.store.kv,
        blobs: this.store.blobs,
        logger: {
          log: (level, message, fields, requestId) => {
            this.logs.push({ level, message, ...(fields ? { fields } : {}), ...(requestId ? { requestId } : {}) });
          },
        },
        ports: { ...(jobs ? { jobs: this.jobs } : {}), ...(cluster ? { cluster: this.cluster } : {}) },
        onDenied: ({ plugin, hostFunction, code }) => this.denied.push(`${plugin} ${hostFunction} ${code}`),
      },
      config,
    );
    const target = await this.runtime.start({ ...artifact, manifest: granted }, host, signal);
    // The latest of a name answers what others call.
    this.#registered.get(granted.name)?.();
    this.#registered.set(granted.name, this.methods.register(new PluginHandler(granted, target)));
    return new StartedPlugin(target, () => this.#background(granted, target));
  }

  #background(manifest: PluginManifest, target: PluginInstance): AsyncDisposable {
    const background = new PluginBackground({
      ...{ kv: this.store.kv, logger: this.#logger, clock: systemClock, owner: "bench", caller: nodeCaller("suite") },
      ...{ manifest, target, retryMs: 1 },
      measures: {
        event: (plugin, outcome) => void this.measured.push(`event ${plugin} ${outcome}`),
        tick: (plugin, outcome) => void this.measured.push(`tick ${plugin} ${outcome}`),
      },
    });
    this.#backgrounds.push(background);
    return background;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#backgrounds.map((background) => background[Symbol.asyncDispose]());
    // Whatever they still do ends with their instances.
    await this.runtime[Symbol.asyncDispose]();
    await Promise.all(ended);
    await this.store[Symbol.asyncDispose]();
  }
}

/** The harness's artifacts, each made once. */
export function artifactsOf(harness: PluginRuntimeHarness): (fixture: FixtureName) => Promise<PluginArtifact> {
  const made = new Map<FixtureName, Promise<PluginArtifact>>();
  return (name) => {
    const known = made.get(name) ?? harness.artifact(fixtureOf(name));
    made.set(name, known);
    return known;
  };
}

function fixtureOf(name: FixtureName): PluginFixture {
  const folder = join(FIXTURES, name);
  return { folder, manifest: parseManifest(JSON.parse(readFileSync(join(folder, "plugin.json"), "utf8"))) };
}
