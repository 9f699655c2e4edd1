import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import type { StandardSchema } from "@aspen/rpc-core";
import { jobsErrors } from "../../errors.js";
import type { RunnableJob } from "../../job.js";
import { whole } from "../../options.js";
import type { JobContext, Worker } from "../../worker.js";
import { JobThread } from "./job-thread.js";

/** What a function in a thread works with. */
export type ThreadJobContext = Omit<JobContext, "blobs" | "caller">;

/** Jobs of one type, run by a function that a module exports. */
export interface ThreadJob {
  readonly type: string;
  /** URL, or absolute path, of an ES module that Node can import as it is. */
  readonly module: string | URL;
  /** Name of the export: a function of the job and a {@link ThreadJobContext}. @default "default" */
  readonly export?: string;
  /** As of a `FunctionJob`. It is checked outside of the thread. */
  readonly payload?: StandardSchema;
}

export interface ThreadWorkerOptions {
  /** Threads without a job that are kept for the next one. @default 2 */
  idleThreads?: number;
  /** MiB that the JavaScript of one thread may hold. @default 256 */
  heapMiB?: number;
}

/**
 * Runs functions in worker threads, one job in each. A job that does not heed its signal, or keeps its processor busy,
 * is ended with its thread. It is no sandbox: the code may do what the process may.
 */
export class ThreadWorker implements Worker {
  readonly #jobs = new Map<string, ThreadJob>();
  readonly #idle: JobThread[] = [];
  readonly #busy = new Map<string, JobThread>();
  readonly #idleThreads: number;
  readonly #heapMiB: number;

  /** @throws AspenError `INVALID_PARAMS` when two have one type, or a module is no URL and no absolute path */
  constructor(jobs: readonly ThreadJob[], { idleThreads = 2, heapMiB = 256 }: ThreadWorkerOptions = {}) {
    whole("idleThreads", idleThreads, 0, 1000);
    whole("heapMiB", heapMiB, 16, 65_536);
    this.#idleThreads = idleThreads;
    this.#heapMiB = heapMiB;
    for (const job of jobs) {
      if (this.#jobs.has(job.type)) throw jobsErrors.duplicateType(job.type);
      this.#jobs.set(job.type, { ...job, module: urlOf(job.module) });
    }
  }

  jobTypes(): readonly string[] {
    return [...this.#jobs.keys()];
  }

  payloadSchema(type: string): StandardSchema | undefined {
    return this.#jobs.get(type)?.payload;
  }

  async execute(job: RunnableJob, context: JobContext): Promise<unknown> {
    const { module, export: exportName = "default" } = this.#jobs.get(job.type)!;
    const thread = this.#idleThread() ?? new JobThread(this.#heapMiB);
    this.#busy.set(job.id, thread);
    try {
      return await thread.run(job, { module: String(module), exportName }, context);
    } finally {
      this.#busy.delete(job.id);
      if (thread.usable && this.#idle.length < this.#idleThreads) this.#idle.push(thread);
      else await thread.kill();
    }
  }

  /** One may have ended while it was idle. */
  #idleThread(): JobThread | undefined {
    for (let thread = this.#idle.pop(); thread; thread = this.#idle.pop()) if (thread.usable) return thread;
    return undefined;
  }

  async kill(jobId: string): Promise<void> {
    await this.#busy.get(jobId)?.kill();
  }

  async onShutdown(): Promise<void> {
    await Promise.all([...this.#idle.splice(0), ...this.#busy.values()].map((thread) => thread.kill()));
  }
}

function urlOf(module: string | URL): string {
  const text = String(module);
  if (isAbsolute(text)) return pathToFileURL(text).href;
  if (!URL.canParse(text)) throw jobsErrors.invalid("module", "must be a URL or an absolute path");
  return text;
}
