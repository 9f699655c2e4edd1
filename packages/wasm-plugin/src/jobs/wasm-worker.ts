import type { JobContext, RunnableJob, Worker } from "@aspen/jobs";
import { LIMITS, type Logger } from "@aspen/plugin-api";
import type { CallableModule } from "../callable-module.js";
import type { WasmPluginRuntime } from "../wasm-runtime.js";
import { jobFailure, wasmJobErrors } from "./errors.js";
import { guestToJob } from "./guest-to-job.js";
import { OpenModules } from "./open-modules.js";
import { type ModuleRun, type WasmPayload, wasmPayload } from "./payload.js";
import type { PluginMethods } from "./plugin-methods.js";

export interface WasmWorkerParts {
  readonly runtime: Pick<WasmPluginRuntime, "openModule">;
  readonly plugins: Pick<PluginMethods, "call">;
  readonly logger: Logger;
}

export interface WasmWorkerOptions {
  /** Bytes that a job may ask for as `memoryLimit`. @default 1073741824 (1 GiB) */
  maxMemoryBytes?: number | undefined;
  /** Modules without a job that are kept ready, each with a thread. @default 8 */
  idleModules?: number | undefined;
  /** Milliseconds for which they are. @default 60000 */
  idleMs?: number | undefined;
}

const IDLE_MS = 60_000;

/**
 * Runs jobs of the type `wasm`: methods of installed plugins, in their own pools of instances, and modules from blobs, in a
 * fresh instance each. The job's signal ends the guest, by its thread when it does not poll.
 */
export class WasmWorker implements Worker {
  readonly #modules: OpenModules;
  readonly #maxMemoryBytes: number;
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(
    private readonly parts: WasmWorkerParts,
    { maxMemoryBytes = LIMITS.memoryMax, idleModules = 8, idleMs = IDLE_MS }: WasmWorkerOptions = {},
  ) {
    this.#maxMemoryBytes = maxMemoryBytes;
    const onProblem = (problem: string) => parts.logger.error({}, problem);
    this.#modules = new OpenModules({ most: idleModules, idleMs, onProblem });
  }

  jobTypes(): readonly string[] {
    return ["wasm"];
  }

  payloadSchema(): typeof wasmPayload {
    return wasmPayload;
  }

  async execute(job: RunnableJob, context: JobContext): Promise<unknown> {
    const payload = job.payload as WasmPayload;
    const work = "module" in payload ? this.#run(job, payload, context) : this.#call(job, payload, context);
    this.#running.set(job.id, work);
    try {
      return await work;
    } catch (error) {
      context.signal.throwIfAborted();
      throw jobFailure(error);
    } finally {
      this.#running.delete(job.id);
    }
  }

  /** The signal ends the guest by force already; this waits until it has. */
  async kill(jobId: string): Promise<void> {
    await this.#running.get(jobId)?.catch(() => undefined);
  }

  async onShutdown(): Promise<void> {
    await this.#modules[Symbol.asyncDispose]();
  }

  async #call(job: RunnableJob, payload: Exclude<WasmPayload, ModuleRun>, context: JobContext): Promise<unknown> {
    const { signal } = context;
    const caller = await context.caller();
    const requestId = requestIdOf(job);
    return this.parts.plugins.call(payload, {
      requestId,
      caller,
      signal,
      outlastsGuest: true,
      onLog: guestToJob(context),
    });
  }

  async #run(job: RunnableJob, payload: ModuleRun, context: JobContext): Promise<unknown> {
    const { module: hash, export: exported, format, memoryLimit } = payload;
    if (memoryLimit > this.#maxMemoryBytes) throw wasmJobErrors.memoryOver(memoryLimit, this.#maxMemoryBytes);
    const { signal, blobs } = context;
    const open = async () =>
      this.parts.runtime.openModule({
        ...{ name: hash, wasm: await blobs.read(hash, LIMITS.wasmBytes), export: exported, memoryBytes: memoryLimit },
        output: format === "base64" ? "bytes" : format,
        onProblem: (problem) => this.parts.logger.error({ module: hash }, problem),
      });
    const identity = { hash, exported, format, memoryLimit };
    const work = async (module: CallableModule) => {
      const output = await module.call(inputOf(payload), { id: requestIdOf(job), signal, onLog: guestToJob(context) });
      return outputOf(output, format);
    };
    return this.#modules.use(identity, open, { signal, work });
  }
}

/** Of no other attempt. */
function requestIdOf({ id, attempts }: RunnableJob): string {
  return `job-${id}-${attempts}`;
}

function inputOf({ input, format }: ModuleRun): Buffer {
  if (format === "json") return Buffer.from(input === undefined ? "" : JSON.stringify(input));
  return Buffer.from((input ?? "") as string, format === "text" ? "utf8" : "base64");
}

/** Its thread has made sure that it is JSON, or UTF-8. */
function outputOf(output: Buffer, format: ModuleRun["format"]): unknown {
  if (format === "base64") return output.toString("base64");
  const text = output.toString("utf8");
  return format === "json" ? JSON.parse(text) : text;
}
