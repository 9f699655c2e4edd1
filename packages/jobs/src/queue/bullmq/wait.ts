import { jobsErrors } from "../../errors.js";
import { isFinished } from "../../job-states.js";
import { type BullJob, readJob } from "./job-record.js";
import type { BullMqParts } from "./parts.js";

/** Milliseconds between looks at a job that another worker of BullMQ may have ended, who tells nobody. */
const FIRST_MS = 250;
const LONGEST_MS = 5000;

/** The job as soon as it is finished. @throws AspenError `CANCELLED`, `JOB_NOT_FOUND` */
export async function waitFor({ bull, signals }: BullMqParts, id: string, signal?: AbortSignal): Promise<BullJob> {
  let wake = (): void => undefined;
  using _ = signals.subscribe((hint) => {
    if (hint.kind === "finished" && hint.id === id) wake();
  });
  for (let pause = FIRST_MS; ; pause = Math.min(2 * pause, LONGEST_MS)) {
    const told = new Promise<void>((resolve) => {
      wake = resolve;
    });
    if (signal?.aborted) throw jobsErrors.gaveUp(`waiting for job ${id}`);
    // Before the look, so that who ends the job after it tells.
    await bull.call("SET", bull.names.waiter(id), "1", "PX", 10 * LONGEST_MS);
    const job = await readJob(bull, id);
    if (!job) {
      await bull.call("DEL", bull.names.waiter(id));
      throw jobsErrors.notFound(id);
    }
    if (isFinished(job.status)) return job;
    const timer = setTimeout(wake, pause);
    const stop = () => wake();
    signal?.addEventListener("abort", stop, { once: true });
    await told;
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
