import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type PluginManifest, parseManifest } from "@aspen/plugin-api";
import { LOCAL_CALLER, nodeCaller } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { PluginHostContext } from "../host-context/host-context.js";
import type { PluginArtifact, PluginInstance, PluginRuntime } from "../runtime.js";
import type { PluginFixture, PluginRuntimeHarness } from "./harness.js";
import { RecordedJobs } from "./recorded-jobs.js";

/** Both in the sources and in what is built of them. */
const FIXTURES = fileURLToPath(new URL("../../fixtures", import.meta.url));

export type FixtureName = "suite" | "neighbour";

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
  signal?: AbortSignal;
}

/** One plugin that the bench has started. */
export class StartedPlugin {
  constructor(readonly instance: PluginInstance) {}

  call(method: string, params: unknown = null, options: { requestId?: string; signal?: AbortSignal } = {}) {
    return this.instance.call(method, params, { requestId: "suite-request", caller: LOCAL_CALLER, ...options });
  }

  health(signal?: AbortSignal) {
    return this.instance.health({ caller: nodeCaller("suite"), signal });
  }
}

/** A runtime on a store in memory, and what its plugins logged and were denied. */
export class RuntimeBench implements AsyncDisposable {
  readonly store = new MemoryStore();
  readonly logs: LogLine[] = [];
  readonly denied: string[] = [];
  readonly jobs = new RecordedJobs();

  constructor(
    readonly runtime: PluginRuntime,
    private readonly artifacts: (fixture: FixtureName) => Promise<PluginArtifact>,
  ) {}

  async start({ fixture = "suite", manifest, config, jobs = true, signal }: StartOptions = {}): Promise<StartedPlugin> {
    const artifact = await this.artifacts(fixture);
    const granted = { ...artifact.manifest, ...manifest };
    const host = new PluginHostContext(
      granted,
      {
        kv: this.store.kv,
        blobs: this.store.blobs,
        logger: {
          log: (level, message, fields, requestId) => {
            this.logs.push({ level, message, ...(fields ? { fields } : {}), ...(requestId ? { requestId } : {}) });
          },
        },
        ports: jobs ? { jobs: this.jobs } : {},
        onDenied: ({ plugin, hostFunction, code }) => this.denied.push(`${plugin} ${hostFunction} ${code}`),
      },
      config,
    );
    return new StartedPlugin(await this.runtime.start({ ...artifact, manifest: granted }, host, signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime[Symbol.asyncDispose]();
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
