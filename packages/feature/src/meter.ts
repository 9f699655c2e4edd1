/** Something that is measured, in the terms of Prometheus (https://prometheus.io/docs/concepts/data_model/). */
export interface Meter {
  /** `aspen_<package>_<what>_<unit>`, such as `aspen_jobs_waiting`; counters end in `_total`. */
  readonly name: string;
  /** One sentence on what it counts. */
  readonly help: string;
  /** `counter` only grows while the process lives; `gauge` goes up and down; `histogram` says how many were how large. */
  readonly kind: "counter" | "gauge" | "histogram";
  /** The values of this moment, one for each set of labels. Called for each scrape; must not wait for the network. */
  collect(): readonly Measurement[];
}

export interface Measurement {
  /** Of a histogram, the sum of what was observed. */
  readonly value: number;
  /** Of a histogram: how many were at most `le`, ascending, the last one `Infinity`. @default none */
  readonly buckets?: readonly { readonly le: number; readonly count: number }[];
  /** A bounded number of them: no keys, ids or texts from outside. @default {} */
  readonly labels?: Readonly<Record<string, string>>;
}
