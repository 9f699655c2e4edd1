/** Time for work to end by itself after it was told to, in milliseconds. */
const GRACE_MS = 2000;

/**
 * Waits for work at most `ms` milliseconds, then aborts its signal and waits a moment more. False when it was given up;
 * what it does then is nobody's concern.
 *
 * @param graceMs 0 for work that has no use for the signal
 */
export async function within(ms: number, work: (signal: AbortSignal) => unknown, graceMs = GRACE_MS): Promise<boolean> {
  const controller = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const late = new Promise<false>((resolve) => {
    const giveUp = () => {
      controller.abort();
      timers.push(setTimeout(() => resolve(false), graceMs));
    };
    timers.push(setTimeout(giveUp, ms));
  });
  const done = (async () => {
    await work(controller.signal);
    return true as const;
  })();
  try {
    return await Promise.race([done, late]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}
