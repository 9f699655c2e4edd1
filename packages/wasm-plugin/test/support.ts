import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { type PluginManifest, parseManifest } from "@aspen/plugin-api";
import { type HostServices, type PluginArtifact, PluginHostContext } from "@aspen/plugin-host";
import { MemoryStore } from "@aspen/storage/memory";
import { WasmPluginHandler, WasmPluginRuntime, type WasmRuntimeOptions } from "../src/index.js";

export interface LogLine {
  level: string;
  message: string;
  fields?: Record<string, unknown>;
  requestId?: string;
}

/** A runtime on an in-memory store, and what its plugins logged and were denied. */
export class Bench implements AsyncDisposable {
  readonly store = new MemoryStore();
  readonly logs: LogLine[] = [];
  readonly denied: string[] = [];
  readonly deniedTargets: (string | undefined)[] = [];
  readonly runtime: WasmPluginRuntime;

  constructor(options: WasmRuntimeOptions = {}) {
    this.runtime = new WasmPluginRuntime(options);
  }

  host(manifest: PluginManifest, config: Record<string, unknown> = {}): PluginHostContext {
    const services: HostServices = {
      kv: this.store.kv,
      blobs: this.store.blobs,
      logger: {
        log: (level, message, fields, requestId) =>
          this.logs.push({ level, message, ...(fields ? { fields } : {}), ...(requestId ? { requestId } : {}) }),
      },
      onDenied: ({ hostFunction, code, target }) => {
        this.denied.push(`${hostFunction} ${code}`);
        this.deniedTargets.push(target);
      },
    };
    return new PluginHostContext(manifest, services, config);
  }

  load(input: unknown, wasm: Uint8Array, config?: Record<string, unknown>): Promise<WasmPluginHandler> {
    const manifest = parseManifest(input);
    return WasmPluginHandler.load({ runtime: this.runtime, manifest, wasm, host: this.host(manifest, config) });
  }

  async fixture(name: string, overrides: object = {}, config?: Record<string, unknown>): Promise<WasmPluginHandler> {
    const { manifest, wasm } = await compileFixture(name);
    return this.load({ ...manifest, ...overrides }, wasm, config);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}

/** What a runtime starts: a plugin whose wasm file has the name that is usual. */
export function artifactOf(manifest: PluginManifest, wasm: Uint8Array): PluginArtifact {
  return { manifest, files: new Map([["plugin.wasm", wasm]]) };
}

const compiled = new Map<string, ReturnType<typeof compilePlugin>>();

export function compileFixture(name: string): ReturnType<typeof compilePlugin> {
  const directory = fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
  const known = compiled.get(name) ?? compilePlugin(directory);
  compiled.set(name, known);
  return known;
}

let requests = 0;

export function call(
  handler: WasmPluginHandler,
  method: string,
  params: unknown = null,
  signal: AbortSignal = new AbortController().signal,
): Promise<unknown> {
  requests += 1;
  return handler.handle({ method, params }, { requestId: `test-${requests}`, signal });
}

/** The error that a promise rejects with. */
export async function failure(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; details?: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as { code: string; message: string; details?: unknown };
  }
  throw new Error("nothing was thrown");
}
