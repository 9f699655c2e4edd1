// Times contenders in interleaved rounds, so that what else the machine does meets all of them alike.
// Benchmark libraries time one contender after the other, which two shared cores make useless.

/** Milliseconds that one round of one contender should take. */
const ROUND_MS = 200;

/**
 * @param {Record<string, (count: number) => Promise<void>>} contenders each does `count` operations
 * @param {{rounds?: number}} options
 * @returns {Promise<Record<string, {median: number, min: number, max: number}>>} µs per operation
 */
export async function measure(contenders, { rounds = 7 } = {}) {
  const counts = {};
  for (const [name, run] of Object.entries(contenders)) counts[name] = await calibrate(run);
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      globalThis.gc?.();
      times[name].push(await time(run, counts[name]));
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, summary(values)]));
}

/** Median, least and greatest of some values. */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1) };
}

/** The value below which a part, from 0 to 1, of some values lies. */
export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

/** How many operations fill a round; runs them for at least as long, which warms the contender up. */
async function calibrate(run) {
  for (let count = 1; ; count *= 2) {
    const ms = ((await time(run, count)) * count) / 1000;
    if (ms >= ROUND_MS / 2) return Math.max(1, Math.round((count * ROUND_MS) / ms));
  }
}

async function time(run, count) {
  const started = performance.now();
  await run(count);
  return ((performance.now() - started) * 1000) / count;
}

/** Calls `once` `count` times with `width` under way at any moment. */
export async function inFlight(width, count, once) {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await once();
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}
