import { AspenError, type Logger } from "@aspen/plugin-api";
import type { StandardSchema } from "@aspen/rpc-core";
import { jobsErrors } from "../../errors.js";
import type { Jail, JailExit, JailedProcess, JobSandbox } from "../../jail/contract.js";
import type { JailOptions } from "../../jail/jail-options.js";
import { openJail } from "../../jail/open-jail.js";
import type { RunnableJob } from "../../job.js";
import type { JobContext, Worker } from "../../worker.js";
import { unpackSource } from "../source-archive.js";
import { keepArtifacts } from "./artifacts.js";
import { Output } from "./output.js";
import { type NormalShellPayload, type ShellResult, shellPayload } from "./payload.js";

export interface ShellWorkerOptions extends JailOptions {
  /** Told, when the worker starts, what holds its jobs and what bounds them. @default nobody */
  logger?: Logger;
}

/** Status of a program that the kernel ended for its processor time (SIGXCPU). */
const OVER_CPU = 128 + 24;

/** One run of a job. */
interface Run {
  readonly jobId: string;
  process: JailedProcess | null;
  killed: boolean;
}

/**
 * Runs programs: jobs of the type `shell`, each in a jail and a folder of its own. Everything that a job started ends
 * with its program, with its time, with a cancel, and with this process.
 */
export class ShellWorker implements Worker {
  readonly #options: ShellWorkerOptions;
  readonly #payload: ReturnType<typeof shellPayload>;
  readonly #runs = new Set<Run>();
  #jail: Jail | null = null;

  constructor(options: ShellWorkerOptions = {}) {
    this.#options = options;
    this.#payload = shellPayload(options.allowNetwork ?? false);
  }

  jobTypes(): readonly string[] {
    return ["shell"];
  }

  payloadSchema(): StandardSchema {
    return this.#payload;
  }

  /** What holds its jobs, and what bounds them; null before the start. */
  get inForce(): Pick<Jail, "kind" | "limitedBy"> | null {
    return this.#jail && { kind: this.#jail.kind, limitedBy: this.#jail.limitedBy };
  }

  /**
   * @throws AspenError `INVALID_PARAMS` for an option out of range; `TOOL_MISSING`, with what to install, and
   * `JAIL_UNAVAILABLE`, unless `jail` is `"none"`
   */
  async onStart(): Promise<void> {
    this.#jail = await openJail(this.#options);
    const { kind, limitedBy, withoutCgroups } = this.#jail;
    const { logger } = this.#options;
    if (kind === "none")
      logger?.warn({}, "shell jobs run without a jail, as the user of this process and without limits");
    else if (withoutCgroups === null) logger?.info({ limitedBy }, "shell jobs run in jails of bubblewrap");
    else {
      const why = `without control groups (${withoutCgroups}): memory is bounded for each process, processors are not`;
      logger?.warn({ limitedBy }, `shell jobs run in jails of bubblewrap ${why}`);
    }
  }

  async onShutdown(): Promise<void> {
    await Promise.all([...this.#runs].map((run) => kill(run)));
    await this.#jail?.[Symbol.asyncDispose]();
    this.#jail = null;
  }

  async kill(jobId: string): Promise<void> {
    await Promise.all([...this.#runs].filter((run) => run.jobId === jobId).map((run) => kill(run)));
  }

  /**
   * @throws AspenError `JOB_EXIT_NONZERO`, with the status and the end of stderr in its details; `JOB_LIMIT_EXCEEDED`;
   * `JOB_ARCHIVE_INVALID`; `JAIL_UNAVAILABLE`; `BLOB_NOT_FOUND` for a source that is not there
   */
  async execute(job: RunnableJob, context: JobContext): Promise<ShellResult> {
    const jail = this.#jail;
    if (!jail) throw jobsErrors.workerDied("it has not been started");
    const payload = this.#payload.parse(job.payload);
    const run: Run = { jobId: job.id, process: null, killed: false };
    this.#runs.add(run);
    try {
      await using sandbox = await jail.sandbox(job.id);
      await withinDisk(sandbox, async () => {
        if (payload.source) await unpackSource(payload.source, sandbox, context);
      });
      context.signal.throwIfAborted();
      const started = await sandbox.start(payload);
      run.process = started;
      if (run.killed) await started.kill();
      const outputs = await withinDisk(sandbox, () => this.#follow(started, payload, context));
      const artifacts = await keepArtifacts(sandbox.folder, payload.artifacts, context);
      return { exitCode: 0, ...outputs, artifacts };
    } finally {
      this.#runs.delete(run);
    }
  }

  /** From the start of the program to the end of everything that it started. */
  async #follow(started: JailedProcess, payload: NormalShellPayload, context: JobContext) {
    const { signal, log, blobs } = context;
    const terminate = () => started.terminate();
    signal.addEventListener("abort", terminate, { once: true });
    const stdout = new Output("stdout", payload.maxOutputBytes, log);
    const stderr = new Output("stderr", payload.maxOutputBytes, log);
    let exit: JailExit;
    try {
      if (signal.aborted) terminate();
      started.stdin.end(payload.stdin);
      const reading = Promise.all([stdout.read(started.stdout), stderr.read(started.stderr)]);
      [exit] = await Promise.all([started.ended, reading]);
    } catch (error) {
      await started.kill();
      throw error;
    } finally {
      signal.removeEventListener("abort", terminate);
    }
    signal.throwIfAborted();
    const { exitCode, outOfMemory } = exit;
    const details = { exitCode, stderr: stderr.tail };
    if (outOfMemory) throw jobsErrors.limitExceeded("memory", "limits.memoryMiB of the worker", details);
    if (exitCode === OVER_CPU) {
      throw jobsErrors.limitExceeded("processor time", "limits.cpuSeconds of the worker", details);
    }
    if (exitCode !== 0) throw jobsErrors.exitNonzero(payload.command, exitCode, stderr.tail);
    const blobOf = async (output: Output) => (output.large ? await blobs.put(output.large, { signal }) : null);
    const [stdoutBlob, stderrBlob] = [await blobOf(stdout), await blobOf(stderr)];
    return {
      ...{ stdout: stdout.text, stderr: stderr.text },
      ...{ stdoutTruncated: stdout.truncated, stderrTruncated: stderr.truncated },
      ...(stdoutBlob === null ? {} : { stdoutBlob }),
      ...(stderrBlob === null ? {} : { stderrBlob }),
    };
  }
}

async function kill(run: Run): Promise<void> {
  run.killed = true;
  await run.process?.kill();
}

/** What fails in a folder that is full has failed for that. @throws AspenError `JOB_LIMIT_EXCEEDED` */
async function withinDisk<T>(sandbox: JobSandbox, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, details } = AspenError.from(error);
    const known = code === "JOB_LIMIT_EXCEEDED" || code === "JOB_CANCELLED" || code === "JOB_TIMEOUT";
    if (known || !(await sandbox.full())) throw error;
    throw jobsErrors.limitExceeded("disk", "limits.diskMiB of the worker, or 100,000 files", details);
  }
}
