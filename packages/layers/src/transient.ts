import { setTimeout as delay } from "node:timers/promises";
import { isAspenError } from "@aspen/plugin-api";

/** Milliseconds before something is tried again; doubled each time. */
const WAIT_MS = { least: 10, most: 2000 };

/** True for a failure of the store that may be over soon. */
export function isTransient(error: unknown): boolean {
  return isAspenError(error) && (error.code === "STORE_UNAVAILABLE" || error.code === "OUTCOME_UNKNOWN");
}

/** Waits longer after each failure in a row, and gives up when they last too long. */
export class Patience {
  #failures = 0;
  /** When the first failure in a row was, by the monotonic clock. */
  #since = 0;

  /** @param ms how long failures may last in a row */
  constructor(private readonly ms: number) {}

  /** Something went well. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits, unless the signal aborts. @throws `error` when there have been nothing but failures for too long */
  async afterFailure(error: unknown, signal?: AbortSignal): Promise<void> {
    const now = performance.now();
    if (this.#failures === 0) this.#since = now;
    if (now - this.#since > this.ms) throw error;
    const most = Math.min(WAIT_MS.least * 2 ** this.#failures, WAIT_MS.most);
    this.#failures += 1;
    // Half of it random, so that those who failed together do not meet again.
    await pause((most * (1 + Math.random())) / 2, signal);
  }
}

/** Resolves after some milliseconds, or when the signal aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal ? { signal } : {}).catch((reason) => {
    if (!signal?.aborted) throw reason;
  });
}
