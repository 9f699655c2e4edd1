import type { Measurement, Meter } from "@aspen/feature";
import { cut, type Logger, thrownError } from "@aspen/plugin-api";
import type { Metric } from "prom-client";
import { nodeErrors } from "../errors.js";

/** Most values of one meter, and characters of a label's value, in one answer. */
const MAX_VALUES = 1000;
const LABEL_CHARACTERS = 128;

type Library = Pick<typeof import("prom-client"), "Counter" | "Gauge">;

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** Writes what meters measure in the text format of Prometheus. */
export class Prometheus {
  /** What was logged about a meter, once each. */
  readonly #told = new Set<string>();

  /** @throws AspenError `CONFIG_INVALID` when a meter's name is none, or two have the same */
  constructor(
    private readonly meters: readonly Meter[],
    private readonly log: Logger,
  ) {
    const names = new Set<string>();
    for (const { name } of meters) {
      if (!NAME.test(name)) throw nodeErrors.measureInvalid(name);
      if (names.has(name)) throw nodeErrors.measureTaken(name);
      names.add(name);
    }
  }

  /** The values of this moment. A meter that fails is left out. */
  async write(): Promise<{ text: string; type: string }> {
    // Nearly a hundred files, which a node that nobody has asked yet need not load.
    const library = await import("prom-client");
    // Meters say their labels with their values, the library wants them first: it is made anew each time.
    const registry = new library.Registry();
    for (const meter of this.meters) {
      try {
        registry.registerMetric(this.#read(meter, library));
      } catch (error) {
        this.#tell(meter, { err: thrownError(error) }, "a meter failed and is left out");
      }
    }
    return { text: await registry.metrics(), type: registry.contentType };
  }

  #read(meter: Meter, library: Library): Metric {
    const measured: unknown = meter.collect();
    if (!Array.isArray(measured)) {
      // A promise that fails and that nobody waits for would end the process.
      Promise.resolve(measured).catch(() => undefined);
      throw new TypeError("it gave no list of measurements; it may not wait for them");
    }
    return this.#metric(meter, measured, library);
  }

  #metric(meter: Meter, measured: readonly Measurement[], { Counter, Gauge }: Library): Metric {
    if (measured.length > MAX_VALUES) {
      this.#tell(
        meter,
        { values: measured.length, limit: MAX_VALUES },
        "a meter has too many values; the rest is left out",
      );
    }
    const values = measured.slice(0, MAX_VALUES);
    if (meter.kind === "histogram") return histogram(meter, values);
    const labelNames = [...new Set(values.flatMap(({ labels = {} }) => Object.keys(labels)))];
    const options = { name: meter.name, help: meter.help, labelNames, registers: [] };
    const metric = meter.kind === "counter" ? new Counter(options) : new Gauge(options);
    for (const measurement of values) metric.inc(labelsOf(measurement), measurement.value);
    return metric;
  }

  #tell({ name }: Meter, fields: object, text: string): void {
    if (this.#told.has(name)) return;
    this.#told.add(name);
    this.log.warn({ meter: name, ...fields }, text);
  }
}

/** The library's own takes what is observed, one by one; this one has been counted already. */
function histogram({ name, help }: Meter, values: readonly Measurement[]): Metric {
  const lines = values.flatMap((measurement) => {
    const { value, buckets = [] } = measurement;
    const labels = labelsOf(measurement);
    const count = buckets.at(-1)?.count ?? 0;
    return [
      ...buckets.map(({ le, count }) => ({
        metricName: `${name}_bucket`,
        labels: { le: Number.isFinite(le) ? String(le) : "+Inf", ...labels },
        value: count,
      })),
      { metricName: `${name}_sum`, labels, value },
      { metricName: `${name}_count`, labels, value: count },
    ];
  });
  const metric = { name, help, type: "histogram", aggregator: "sum", values: lines };
  return { name, get: async () => metric } as unknown as Metric;
}

function labelsOf({ labels = {} }: Measurement): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, cut(value, LABEL_CHARACTERS)]));
}
