import type { Measurement, Meter } from "./meter.js";

/** Most sets of labels of one meter; what is beyond them counts under `other`. */
const SERIES_MAX = 999;
const BETWEEN = "\u0000";

/** Upper bounds in seconds: from a call in memory to one that takes a minute. */
const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** Series of one meter by the values of its labels, a bounded number of them. */
class Series<T> {
  readonly #byLabels = new Map<string, { labels: Record<string, string>; series: T }>();

  constructor(
    private readonly names: readonly string[],
    private readonly make: () => T,
  ) {}

  of(values: readonly string[]): T {
    const found = this.#byLabels.get(values.join(BETWEEN));
    if (found) return found.series;
    const full = this.#byLabels.size >= SERIES_MAX;
    const known = full ? this.names.map(() => "other") : values;
    const key = known.join(BETWEEN);
    let entry = this.#byLabels.get(key);
    if (!entry) {
      const labels = Object.fromEntries(this.names.map((name, at) => [name, known[at]!]));
      entry = { labels, series: this.make() };
      this.#byLabels.set(key, entry);
    }
    return entry.series;
  }

  map<R>(use: (labels: Record<string, string>, series: T) => R): R[] {
    return [...this.#byLabels.values()].map(({ labels, series }) => use(labels, series));
  }
}

/** A counter that whoever does the work counts up. */
export class CountMeter implements Meter {
  readonly kind = "counter";
  readonly #series: Series<{ value: number }>;

  constructor(
    readonly name: string,
    readonly help: string,
    /** Names of the labels; a value for each comes with every count. */
    labels: readonly string[],
  ) {
    this.#series = new Series(labels, () => ({ value: 0 }));
  }

  add(values: readonly string[], by = 1): void {
    this.#series.of(values).value += by;
  }

  collect(): readonly Measurement[] {
    return this.#series.map((labels, { value }) => ({ value, labels }));
  }
}

/** A histogram of times that whoever does the work tells. */
export class TimeMeter implements Meter {
  readonly kind = "histogram";
  readonly #series: Series<{ sum: number; counts: number[] }>;

  constructor(
    readonly name: string,
    readonly help: string,
    /** Names of the labels; a value for each comes with every time. */
    labels: readonly string[],
  ) {
    this.#series = new Series(labels, () => ({ sum: 0, counts: new Array(SECONDS.length + 1).fill(0) }));
  }

  observe(values: readonly string[], ms: number): void {
    const series = this.#series.of(values);
    const seconds = ms / 1000;
    series.sum += seconds;
    let at = 0;
    while (at < SECONDS.length && seconds > SECONDS[at]!) at += 1;
    series.counts[at]! += 1;
  }

  collect(): readonly Measurement[] {
    return this.#series.map((labels, { sum, counts }) => {
      let below = 0;
      const buckets = counts.map((count, at) => {
        below += count;
        return { le: SECONDS[at] ?? Number.POSITIVE_INFINITY, count: below };
      });
      return { value: sum, labels, buckets };
    });
  }
}
