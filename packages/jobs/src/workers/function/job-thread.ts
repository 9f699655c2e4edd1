import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker as Thread } from "node:worker_threads";
import { AspenError } from "@aspen/plugin-api";
import { jobsErrors } from "../../errors.js";
import type { JobFailure, RunnableJob } from "../../job.js";
import type { JobContext } from "../../worker.js";
import type { FromThread, ToThread } from "./messages.js";

/** The built file, also when this one runs from source: a thread cannot load TypeScript. */
const threadFile = pathToFileURL(createRequire(import.meta.url).resolve("@aspen/jobs/function-thread"));

export interface JobModule {
  /** URL of an ES module that Node can import. */
  readonly module: string;
  readonly exportName: string;
}

/** A worker thread that runs one job at a time. */
export class JobThread {
  readonly #thread: Thread;
  #settle: { resolve(json: string): void; reject(error: Error): void } | null = null;
  #context: JobContext | null = null;
  #gone = false;

  /** @param heapMiB most of what its JavaScript may hold */
  constructor(heapMiB: number) {
    this.#thread = new Thread(threadFile, { resourceLimits: { maxOldGenerationSizeMb: heapMiB } });
    this.#thread.on("message", (message: FromThread) => this.#hear(message));
    this.#thread.on("error", (error) => this.#end(jobsErrors.workerDied(error.message)));
    this.#thread.on("exit", () => this.#end(jobsErrors.workerDied("its thread ended")));
    this.#thread.unref();
  }

  /** False when it can run nothing more. */
  get usable(): boolean {
    return !this.#gone;
  }

  /** @throws AspenError what the function throws, or `JOB_FAILED` when the thread ends under it */
  async run(job: RunnableJob, { module, exportName }: JobModule, context: JobContext): Promise<unknown> {
    const { signal } = context;
    const abort = () => {
      const { code, message } = AspenError.from(signal.reason);
      this.#send({ kind: "abort", code, message });
    };
    const done = new Promise<string>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#context = context;
    this.#thread.ref();
    signal.addEventListener("abort", abort, { once: true });
    try {
      if (this.#gone) throw jobsErrors.workerDied("its thread ended");
      this.#send({ kind: "run", job, module, exportName });
      if (signal.aborted) abort();
      return JSON.parse(await done);
    } finally {
      signal.removeEventListener("abort", abort);
      this.#context = null;
      this.#settle = null;
      this.#thread.unref();
    }
  }

  /** Ends the thread, whatever it does. */
  async kill(): Promise<void> {
    this.#gone = true;
    await this.#thread.terminate();
  }

  #send(message: ToThread): void {
    this.#thread.postMessage(message);
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case "log":
        this.#context?.log[message.level](message.fields, message.message);
        break;
      case "progress":
        this.#context?.progress(message.progress);
        break;
      case "completed":
        this.#settle?.resolve(message.json);
        break;
      case "failed":
        this.#settle?.reject(thrown(message.failure));
        break;
    }
  }

  #end(error: Error): void {
    this.#gone = true;
    this.#settle?.reject(error);
  }
}

function thrown({ code, message, details, permanent }: JobFailure): Error {
  const error = new AspenError(code, message, details && { ...details });
  return permanent ? Object.assign(error, { permanent }) : error;
}
