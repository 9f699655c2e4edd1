import type { Service } from "@aspen/feature";
import { type Logger, thrownError } from "@aspen/plugin-api";
import { nodeErrors } from "../errors.js";
import { within } from "./limit.js";

/** Longest time that a service has to let go of what it holds, in milliseconds. */
const DISPOSE_MS = 60_000;

export interface ServicesOptions {
  /** Longest time that one may take to start, in milliseconds. */
  startMs: number;
  /** Milliseconds that each has for its draining. */
  drainMs: number;
  log: Logger;
}

/** A node's services: started in order, drained and disposed in reverse. */
export class Services implements AsyncDisposable {
  readonly #known: { service: Service; ended: AbortController }[];
  #started = 0;

  constructor(
    services: readonly Service[],
    private readonly options: ServicesOptions,
  ) {
    const inOrder = [...services.filter((it) => !it.announces), ...services.filter((it) => it.announces)];
    this.#known = inOrder.map((service) => ({ service, ended: new AbortController() }));
  }

  /**
   * @throws AspenError naming the one that did not start, with the code that it threw or `FEATURE_FAILED`; those behind it
   * were not asked to
   */
  async start(): Promise<void> {
    const { startMs } = this.options;
    for (const { service, ended } of this.#known) {
      let done: boolean;
      try {
        done = await within(startMs, (late) => {
          late.addEventListener("abort", () => ended.abort(), { once: true });
          return service.start(ended.signal);
        });
      } catch (error) {
        throw ended.signal.aborted
          ? nodeErrors.serviceLate(service.name, startMs)
          : nodeErrors.serviceFailed(service.name, error);
      }
      if (!done || ended.signal.aborted) throw nodeErrors.serviceLate(service.name, startMs);
      this.#started += 1;
    }
  }

  /** Drains what was started, disposes all; every step is tried. @throws the first failure of a disposal */
  async [Symbol.asyncDispose](): Promise<void> {
    const { drainMs, log } = this.options;
    const reverse = this.#known.slice(0, this.#started).reverse();
    for (const { service } of reverse) {
      try {
        const done = await within(drainMs, (signal) => service.drain?.(signal));
        if (!done) log.warn({ service: service.name, drainMs }, "a service was given up, as it did not drain in time");
      } catch (error) {
        log.warn({ service: service.name, err: thrownError(error) }, "a service failed in its draining");
      }
    }
    const failures: unknown[] = [];
    for (const { service, ended } of this.#known.splice(0).reverse()) {
      ended.abort();
      try {
        const done = await within(DISPOSE_MS, () => service[Symbol.asyncDispose]());
        if (!done) log.error({ service: service.name }, "a service was given up, as it did not end in time");
      } catch (error) {
        log.error({ service: service.name, err: thrownError(error) }, "a service failed in its end");
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
