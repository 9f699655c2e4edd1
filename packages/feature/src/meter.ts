/** Something that is measured, in the terms of Prometheus (https://prometheus.io/docs/concepts/data_model/). */
export interface Meter {
  /** `aspen_<package>_<what>_<unit>`, such as `aspen_jobs_waiting`; counters end in `_total`. */
  readonly name: string;
  /** One sentence on what it counts. */
  readonly help: string;
  /** `counter` only grows while the process lives; `gauge` goes up and down. */
  readonly kind: "counter" | "gauge";
  /** The values of this moment, one for each set of labels. Called for each scrape; must not wait for the network. */
  collect(): readonly Measurement[];
}

export interface Measurement {
  readonly value: number;
  /** A bounded number of them: no keys, ids or texts from outside. @default {} */
  readonly labels?: Readonly<Record<string, string>>;
}
