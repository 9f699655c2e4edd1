/**
 * What is waited after a failed attempt, in milliseconds. `jitter`, from 0 to 1, is the part of it that is random, so
 * that what failed together does not come back together.
 */
export type Backoff =
  | { readonly type: "fixed"; readonly delayMs: number; readonly jitter?: number }
  /** Doubles from `delayMs` on, up to `maxMs`, 300,000 unless given. */
  | { readonly type: "exponential"; readonly delayMs: number; readonly maxMs?: number; readonly jitter?: number }
  /** The last one is used again and again. */
  | { readonly type: "list"; readonly delaysMs: readonly number[]; readonly jitter?: number };

export const DEFAULT_BACKOFF: Backoff = { type: "exponential", delayMs: 1000, maxMs: 300_000, jitter: 0.2 };

const DEFAULT_MAX_MS = 300_000;

/** Milliseconds to wait after the `failures`th failure, from 1 on. `random` gives a number from 0 to below 1. */
export function backoffMs(backoff: Backoff, failures: number, random: () => number = Math.random): number {
  const base = baseMs(backoff, failures);
  const jitter = backoff.jitter ?? 0;
  return Math.round(base * (1 - jitter * random()));
}

function baseMs(backoff: Backoff, failures: number): number {
  switch (backoff.type) {
    case "fixed":
      return backoff.delayMs;
    case "exponential":
      return Math.min(backoff.delayMs * 2 ** (failures - 1), backoff.maxMs ?? DEFAULT_MAX_MS);
    case "list":
      return backoff.delaysMs[Math.min(failures, backoff.delaysMs.length) - 1]!;
  }
}
