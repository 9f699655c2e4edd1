export interface EveryOptions {
  /** Ends the loop, as disposing it does. @default none */
  signal?: AbortSignal;
  /** Let the process end while the loop waits. @default true */
  unref?: boolean;
  /** Gets what a run failed with; the loop goes on. It must not throw. */
  onError(error: unknown): void;
}

/** A loop that {@link every} started. Disposing it ends it; `Symbol.asyncDispose` also waits for the run under way. */
export interface Loop extends Disposable, AsyncDisposable {
  /** Starts the next run in `ms` milliseconds, unless it comes earlier anyway. During a run it does nothing. */
  soon(ms?: number): void;
}

/** The longest delay in milliseconds that a timer takes; a longer one would fire at once (nodejs.org/api/timers.html). */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Runs `task` again and again until the loop is ended. The first run starts after `ms` milliseconds, each later one `ms`
 * milliseconds after the end of the run before, so that runs never overlap. The task's signal is aborted when the loop
 * ends. A task must not wait for the disposal of its own loop.
 *
 * @throws RangeError when `ms` is not a number from 1 to 2,147,483,647
 */
export function every(
  ms: number,
  task: (signal: AbortSignal) => unknown,
  { signal, unref = true, onError }: EveryOptions,
): Loop {
  if (!(ms >= 1 && ms <= MAX_DELAY_MS)) {
    throw new RangeError(`a loop's interval must be a number from 1 to ${MAX_DELAY_MS} milliseconds, not ${ms}`);
  }
  const ended = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let dueAt = 0;
  let running: Promise<void> | null = null;

  const run = async (): Promise<void> => {
    try {
      await task(ended.signal);
    } catch (error) {
      onError(error);
    } finally {
      running = null;
      schedule(ms);
    }
  };

  const schedule = (delay: number): void => {
    clearTimeout(timer);
    if (ended.signal.aborted) return;
    dueAt = performance.now() + delay;
    timer = setTimeout(() => {
      running = run();
    }, delay);
    if (unref) timer.unref();
  };

  const end = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    ended.abort();
  };

  if (signal?.aborted) end();
  else signal?.addEventListener("abort", end, { once: true });
  schedule(ms);

  return {
    soon(delay = 0) {
      if (!running && performance.now() + delay < dueAt) schedule(Math.max(0, delay));
    },
    [Symbol.dispose]: end,
    async [Symbol.asyncDispose]() {
      end();
      await running;
    },
  };
}
