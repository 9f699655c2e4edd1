import { type Bucket, quantile, since, together } from "./quantile.js";
import type { Scrape, Series } from "./scrape.js";

/** What happened between two looks. */
export interface Traffic {
  perSecond: number;
  errorsPerSecond: number;
  /** By code. */
  errors: Record<string, number>;
  /** Milliseconds; null when nothing happened, or nothing is timed. */
  p50Ms: number | null;
  p99Ms: number | null;
}

interface Names {
  /** A counter with the label `code`. */
  count: string;
  /** A histogram in seconds. */
  seconds: string;
  /** The label by which both are told apart. */
  by: string;
}

/** The traffic of each value of a label, and of all together; the busiest first. */
export function trafficOf(
  now: Scrape,
  before: Scrape,
  { count, seconds, by }: Names,
): { all: Traffic; each: Map<string, Traffic> } {
  const elapsed = (now.at - before.at) / 1000;
  const old = new Map(before.of(count).map((series) => [keyOf(series), series.value]));
  const counts = now.of(count).map((series) => {
    const had = old.get(keyOf(series)) ?? 0;
    // A counter that fell was started anew.
    const grown = series.value < had ? series.value : series.value - had;
    return { name: series.labels[by] ?? "", code: series.labels.code ?? "OK", rate: grown / elapsed };
  });
  const oldTimes = new Map(before.of(seconds).map((series) => [keyOf(series), series.buckets]));
  const times = now.of(seconds).map((series) => ({
    name: series.labels[by] ?? "",
    buckets: since(series.buckets, oldTimes.get(keyOf(series)) ?? []),
  }));
  const names = [...new Set(counts.map(({ name }) => name))];
  const each = names.map((name): [string, Traffic] => {
    const own = times.filter((it) => it.name === name).map(({ buckets }) => buckets);
    return [
      name,
      traffic(
        counts.filter((it) => it.name === name),
        together(own),
      ),
    ];
  });
  each.sort(([one, a], [other, b]) => b.perSecond - a.perSecond || (one < other ? -1 : 1));
  return { all: traffic(counts, together(times.map(({ buckets }) => buckets))), each: new Map(each) };
}

function traffic(counts: readonly { code: string; rate: number }[], buckets: readonly Bucket[]): Traffic {
  const errors: Record<string, number> = {};
  let perSecond = 0;
  for (const { code, rate } of counts) {
    perSecond += rate;
    if (code !== "OK" && rate > 0) errors[code] = (errors[code] ?? 0) + rate;
  }
  const errorsPerSecond = Object.values(errors).reduce((sum, rate) => sum + rate, 0);
  const ms = (q: number) => {
    const found = quantile(buckets, q);
    return found === null ? null : found * 1000;
  };
  return { perSecond, errorsPerSecond, errors, p50Ms: ms(0.5), p99Ms: ms(0.99) };
}

function keyOf({ labels }: Series): string {
  return JSON.stringify(Object.entries(labels).sort());
}
