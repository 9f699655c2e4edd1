/** Milliseconds after which what is still waited for gets its timer. */
const SWEEP_MS = 10;

/** One that may have to be told of a deadline. */
export interface Late {
  /** Nobody waits any more. */
  readonly ended: boolean;
  /** Sets the timer. */
  arm(): void;
}

let young: Late[] = [];

/** Arms what has not ended after a moment: most requests are answered before, and setting a timer costs more than that. */
export function armLate(one: Late): void {
  if (young.length === 0) setTimeout(sweep, SWEEP_MS);
  young.push(one);
}

function sweep(): void {
  const swept = young;
  young = [];
  for (const one of swept) if (!one.ended) one.arm();
}
