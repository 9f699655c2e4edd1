import { type TimerStatus, Timers } from "@aspen/layers";
import { isAspenError } from "@aspen/plugin-api";
import { v7 as uuid } from "uuid";
import { jobsErrors } from "../errors.js";
import type { JobQueue, QueueInStore } from "../queue/contract.js";
import { tryTransact } from "../queue/kv/outcome.js";
import {
  assertScheduleName,
  optionsOf,
  patched,
  type SchedulePayload,
  type ScheduleTimer,
  scheduleView,
  timerOf,
} from "./definition.js";
import type { JobSchedule, ScheduleOptions, SchedulePatch, ScheduleRequest } from "./schedule.js";
import { type RunSchedulesOptions, ScheduleRunner, type ScheduleRunning } from "./schedule-runner.js";
import { type ScheduleRun, ScheduleRuns } from "./schedule-runs.js";
import { tick, withRun } from "./tick.js";

/** Times that a trigger is tried against ticks of the same schedule. */
const ATTEMPTS = 100;

export interface SchedulePage {
  readonly schedules: readonly JobSchedule[];
  readonly cursor: string | null;
}

/**
 * Schedules of a queue, the same for all processes that have the queue: each tick creates one new job, in the transaction
 * that records the tick. Every method throws `AspenError`: `INVALID_PARAMS` for bad input, `SCHEDULE_NOT_FOUND`, and what
 * the store throws.
 */
export class JobSchedules {
  readonly #queue: JobQueue;
  readonly #inStore: QueueInStore;
  readonly #timers: Timers;
  readonly #runs: ScheduleRuns;

  /** @throws AspenError `INVALID_PARAMS` when the queue's engine has no schedules */
  constructor(queue: JobQueue) {
    if (!queue.inStore) throw jobsErrors.noSchedules();
    const { kv, namespace, clock } = queue.inStore;
    this.#queue = queue;
    this.#inStore = queue.inStore;
    // In the namespace of the jobs, so that a tick and its job are one transaction.
    this.#timers = new Timers(kv, { prefix: `${namespace}schedules/`, clock });
    this.#runs = new ScheduleRuns(kv, namespace);
  }

  /**
   * With `replace`, one that is there gets these options instead of its own; it goes on when its crontab or interval is
   * the same, and stays paused if it is.
   *
   * @throws AspenError also `SCHEDULE_EXISTS`, `SCHEDULE_INVALID` for what cannot be read or never comes true,
   * `JOB_TYPE_UNKNOWN`, `PAYLOAD_TOO_LARGE` for a job over 61,440 bytes as JSON
   */
  async create({ name, ...options }: ScheduleRequest, { replace = false } = {}): Promise<JobSchedule> {
    await this.#set(name, (before) => {
      if (before && !replace) throw jobsErrors.scheduleExists(name);
      return options;
    });
    await this.#inStore.tellSchedules();
    return this.#known(name);
  }

  /** @throws AspenError also as {@link JobSchedules.create} */
  async update(name: string, patch: SchedulePatch): Promise<JobSchedule> {
    await this.#set(name, (before) => {
      if (!before) throw jobsErrors.scheduleNotFound(name);
      return patched(before, patch);
    });
    return this.#known(name);
  }

  /** Null when there is none. */
  async get(name: string): Promise<JobSchedule | null> {
    assertScheduleName(name);
    const timer = await this.#timers.get(name);
    if (!timer) return null;
    const { run } = await this.#runs.read(name, payloadOf(timer).id);
    return viewOf(timer, run);
  }

  /** A page in the order of the names: at most `limit`, 1 to 1,000. @default limit 100 */
  async list({ limit = 100, after }: { limit?: number; after?: string } = {}): Promise<SchedulePage> {
    const page = await this.#timers.list({ limit, ...(after === undefined ? {} : { cursor: after }) });
    const ids = page.timers.map((timer) => ({ name: timer.name, scheduleId: payloadOf(timer).id }));
    const runs = await this.#runs.readMany(ids);
    return {
      schedules: page.timers.map((timer, index) => viewOf(timer, runs[index]!.run)),
      cursor: page.cursor ?? null,
    };
  }

  /** No tick comes until it is resumed. */
  async pause(name: string): Promise<JobSchedule> {
    assertScheduleName(name);
    await named(name, this.#timers.pause(name));
    return this.#known(name);
  }

  /** Goes on with the next tick after now: those that came meanwhile are skipped. */
  async resume(name: string): Promise<JobSchedule> {
    assertScheduleName(name);
    await named(name, this.#timers.resume(name));
    return this.#known(name);
  }

  /** Its jobs stay. */
  async remove(name: string): Promise<void> {
    assertScheduleName(name);
    if (!(await this.#timers.remove(name))) throw jobsErrors.scheduleNotFound(name);
    await this.#runs.remove(name);
  }

  /** Creates a job of it now, whatever its times and its `overlap` are. Gives the job's id. */
  async trigger(name: string): Promise<string> {
    assertScheduleName(name);
    const timer = await this.#timers.get(name);
    if (!timer) throw jobsErrors.scheduleNotFound(name);
    const { id, job } = payloadOf(timer);
    const scheduledAt = this.#inStore.clock.now();
    const prepared = await this.#inStore.prepare(job, { name, scheduledAt });
    await prepared.submit?.();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const read = await this.#runs.read(name, id);
      // The answer to the attempt before was lost, and it was applied.
      const thereByOps = prepared.submit === undefined && attempt > 0;
      if (read.run.last?.jobId === prepared.id || (thereByOps && (await this.#queue.get(prepared.id)))) {
        prepared.onCommitted();
        return prepared.id;
      }
      const { checks, ops } = withRun(this.#runs, name, scheduledAt, read, prepared);
      const result = await tryTransact(this.#inStore.kv, { checks: checks ?? [], ops });
      if (result === "unknown" || !result.ok) continue;
      prepared.onCommitted();
      return prepared.id;
    }
    throw jobsErrors.conflict(prepared.id, ATTEMPTS);
  }

  /** Creates the jobs of the ticks on this node until it is disposed of. Of the nodes that do, one has each tick. */
  run(options: RunSchedulesOptions): ScheduleRunning {
    const parts = { queue: this.#queue, inStore: this.#inStore, runs: this.#runs };
    return new ScheduleRunner(
      this.#timers,
      this.#queue,
      ({ name, scheduledAt, payload }) => tick(parts, name, scheduledAt, payload as SchedulePayload),
      options,
    );
  }

  async #set(name: string, decide: (before: ScheduleOptions | null) => ScheduleOptions): Promise<void> {
    assertScheduleName(name);
    const { clock } = this.#inStore;
    const fresh = { id: uuid(), createdAt: clock.now() };
    const change = (stored: Parameters<Parameters<Timers["change"]>[1]>[0]): ScheduleTimer => {
      const before = stored && optionsOf(stored);
      const { id, createdAt } = stored ? (stored.payload as SchedulePayload) : fresh;
      return timerOf(name, decide(before), { id, createdAt, now: clock.now(), before: before ?? undefined });
    };
    const timer = await this.#timers.get(name);
    // What the queue would refuse with every tick is refused now.
    const { job } = change(timer).payload;
    await this.#inStore.prepare(job, { name, scheduledAt: fresh.createdAt });
    await this.#timers.change(name, change);
  }

  /** @throws AspenError `SCHEDULE_NOT_FOUND` */
  async #known(name: string): Promise<JobSchedule> {
    const found = await this.get(name);
    if (!found) throw jobsErrors.scheduleNotFound(name);
    return found;
  }
}

const payloadOf = ({ payload }: Pick<TimerStatus, "payload">) => payload as SchedulePayload;

function viewOf(timer: TimerStatus, { last, skipped }: ScheduleRun): JobSchedule {
  return { ...scheduleView(timer), last, skipped };
}

/** A timer that is not there is a schedule that is not there. */
async function named(name: string, done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (isAspenError(error) && error.code === "TIMER_NOT_FOUND") throw jobsErrors.scheduleNotFound(name);
    throw error;
  }
}
