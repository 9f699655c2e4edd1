import { setTimeout as delay } from "node:timers/promises";
import { AspenError, cut } from "@aspen/plugin-api";
import type { RpcClient } from "@aspen/rpc-core/remote";
import { cliErrors } from "../errors.js";
import { type Output, printable } from "../output.js";
import { ProgressDisplay } from "../progress-display.js";
import { onStopSignal } from "../signals.js";
import { logText, type ShownJob } from "./job-text.js";

/** Milliseconds that one question waits for the end of the job; its progress is shown as often. */
const STEP_MS = 500;
const FINISHED = new Set<ShownJob["status"]>(["completed", "failed", "cancelled", "dead_letter"]);

export interface FollowOptions {
  id: string;
  client: RpcClient;
  output: Output;
  /** Also write what the job logs. */
  logs?: boolean | undefined;
  /** Milliseconds after which to give up. @default never */
  forMs?: number | undefined;
}

/**
 * Stays with a job until it is finished. Its progress is shown unless its logs are.
 *
 * @throws AspenError `CANCELLED` at Ctrl-C, `DEADLINE_EXCEEDED` after `forMs`, both with how to go on
 */
export async function follow({ id, client, output, logs = false, forMs }: FollowOptions): Promise<ShownJob> {
  const stopped = new AbortController();
  const forget = onStopSignal(() => stopped.abort(cliErrors.waitStopped(id, logs)));
  const timer =
    forMs === undefined ? undefined : setTimeout(() => stopped.abort(cliErrors.waitOver(id, forMs, logs)), forMs);
  const progress = new ProgressDisplay({ stream: process.stderr, silent: output.json || logs });
  const { signal } = stopped;
  const log = logs ? new LogReader(client, id, output) : null;
  try {
    for (;;) {
      const job = await client.call("job.wait", { id, waitMs: STEP_MS }, { signal });
      progress.show(progressOf(job));
      await log?.read(signal);
      if (FINISHED.has(job.status)) return job;
      // A node that does not wait is not asked without a pause.
      await delay(20, undefined, { signal });
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
    progress.end();
    // A second signal of the same Ctrl-C must not end the process before it has said how to go on.
    if (!signal.aborted) forget();
  }
}

/** What a job logged, from where the last look ended. */
export class LogReader {
  #after: string | undefined;

  constructor(
    private readonly client: RpcClient,
    private readonly id: string,
    private readonly output: Output,
  ) {}

  /** Writes all that there is by now: a line of text, or of JSON, for each. */
  async read(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const params = { id: this.id, after: this.#after };
      const page = await this.client.call("job.logs", params, signal ? { signal } : {});
      this.#after = page.cursor;
      if (page.lines.length === 0) return;
      for (const line of page.lines) this.output.result(line, logText(line));
    }
  }
}

/** Writes the result of a finished job. @throws AspenError that of a job which did not complete */
export function writeOutcome(job: ShownJob, output: Output): void {
  if (job.status !== "completed") throw jobError(job);
  output.result(job, printable(JSON.stringify(job.result ?? null, null, 2)));
}

/** The error with which a job ended. */
function jobError({ id, status, error, attempts }: ShownJob): AspenError {
  const { code = "JOB_FAILED", message = "it did not say why", details } = error ?? {};
  return new AspenError(code, `job ${id} is ${status}: ${message}`, { ...details, id, status, attempts });
}

function progressOf({ status, progress, attempts, maxAttempts }: ShownJob) {
  const attempt = maxAttempts > 1 && attempts > 0 ? `, attempt ${attempts} of ${maxAttempts}` : "";
  const phase = status + attempt;
  const amount = cut(printable(progress?.message ?? "").replaceAll(/\s+/g, " "), 60);
  return { phase, done: progress?.percent ?? 0, total: 100, amount };
}
