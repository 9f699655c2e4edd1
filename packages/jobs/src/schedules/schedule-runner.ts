import type { RunTimersOptions, TimerHandler, TimerRun, Timers } from "@aspen/layers";
import { every, type Loop } from "@aspen/plugin-api";
import type { JobQueue } from "../queue/contract.js";

/** Milliseconds between two looks for a first schedule, in case that the hint of it was lost. */
const LOOK_MS = 60_000;

export interface RunSchedulesOptions
  extends Partial<Pick<RunTimersOptions, "leaseTtlMs" | "owner" | "checkMs" | "retryMs" | "attempts">> {
  /** Gets what a tick or the store failed with; the run goes on. It must not throw. */
  onError(error: unknown): void;
}

/** Schedules that run on this node until it is disposed of. */
export interface ScheduleRunning extends AsyncDisposable {
  /** Whether this node has the cluster's ticks. False as long as there are no schedules. */
  readonly holding: boolean;
}

/**
 * Runs the timers of schedules from the first schedule on: timers hold a lease and watch the namespace of the jobs, which
 * a queue without schedules is spared.
 */
export class ScheduleRunner implements ScheduleRunning {
  readonly #timers: Timers;
  readonly #handler: TimerHandler;
  readonly #options: RunTimersOptions;
  readonly #listening: Disposable;
  readonly #looking: Loop;
  #again = false;
  #run: TimerRun | null = null;
  #ended = false;

  constructor(timers: Timers, queue: JobQueue, handler: TimerHandler, options: RunSchedulesOptions) {
    this.#timers = timers;
    this.#handler = handler;
    this.#options = { ...options, onError: (error) => options.onError(error) };
    this.#listening = queue.subscribe(({ kind }) => {
      if (kind === "schedules") this.#lookSoon();
    });
    this.#looking = every(LOOK_MS, () => this.#look(), { onError: (error) => options.onError(error) });
    this.#lookSoon();
  }

  get holding(): boolean {
    return this.#run?.holding === true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#listening[Symbol.dispose]();
    await this.#looking[Symbol.asyncDispose]();
    await this.#run?.[Symbol.asyncDispose]();
  }

  #lookSoon(): void {
    if (this.#run) return;
    // A look that is under way may have been too early.
    this.#again = true;
    this.#looking.soon(1);
  }

  async #look(): Promise<void> {
    do {
      this.#again = false;
      if (this.#run || this.#ended) return;
      const { timers } = await this.#timers.list({ limit: 1 });
      if (timers.length > 0 && !this.#ended) this.#run = this.#timers.run(this.#handler, this.#options);
    } while (this.#again);
  }
}
