/** How many of the values of a histogram are at most `le`. */
export interface Bucket {
  le: number;
  count: number;
}

/**
 * A quantile of a histogram as Prometheus estimates it (`histogram_quantile`): linear within the bucket. Null without
 * values; the greatest bound when it lies beyond.
 *
 * @param buckets by rising bound, the last of them infinite
 * @param q from 0 to 1
 */
export function quantile(buckets: readonly Bucket[], q: number): number | null {
  const total = buckets.at(-1)?.count ?? 0;
  if (!(total > 0)) return null;
  const rank = q * total;
  const at = buckets.findIndex(({ count }) => count >= rank);
  const { le, count } = buckets[at]!;
  const below = buckets[at - 1] ?? { le: 0, count: 0 };
  if (!Number.isFinite(le)) return below.le;
  return count === below.count ? le : below.le + ((le - below.le) * (rank - below.count)) / (count - below.count);
}

/** The histogram of what came between two looks; of all, when it was started anew in between. */
export function since(now: readonly Bucket[], before: readonly Bucket[]): Bucket[] {
  const old = new Map(before.map(({ le, count }) => [le, count]));
  const restarted = now.some(({ le, count }) => count < (old.get(le) ?? 0));
  return now.map(({ le, count }) => ({ le, count: restarted ? count : count - (old.get(le) ?? 0) }));
}

/** Histograms of the same bounds in one. */
export function together(histograms: readonly (readonly Bucket[])[]): Bucket[] {
  const counts = new Map<number, number>();
  for (const { le, count } of histograms.flat()) counts.set(le, (counts.get(le) ?? 0) + count);
  return [...counts].map(([le, count]) => ({ le, count })).sort((one, other) => one.le - other.le);
}
