import { AspenError, type Logger } from "@aspen/plugin-api";
import type { PluginUsage } from "../limits/plugin-usage.js";
import type { PluginMeters } from "../plugin-meters.js";
import { Breaker, type BreakerOptions, type BreakerStatus } from "./breaker.js";

export interface CallGateParts {
  readonly plugin: string;
  readonly logger: Logger;
  readonly meters: PluginMeters | undefined;
  readonly breaker: BreakerOptions;
  usage(): PluginUsage;
}

/** What every call of a plugin passes on this node, before an instance has it: its breaker, and its limits. */
export class CallGate {
  readonly #breaker: Breaker;

  constructor(private readonly parts: CallGateParts) {
    const { plugin, logger, breaker } = parts;
    this.#breaker = new Breaker(plugin, breaker, (openMs, err) => {
      logger.error({ plugin, openMs, err }, "a plugin fails again and again, and is out of service for a time");
    });
  }

  get breaker(): BreakerStatus | null {
    return this.#breaker.status;
  }

  /** A request. @throws AspenError `PLUGIN_UNAVAILABLE`, `RATE_LIMITED`, `LIMIT_EXCEEDED`; what `work` throws */
  async call<T>(work: () => Promise<T>): Promise<T> {
    const end = this.#begin();
    try {
      return await this.#breaker.run(work);
    } finally {
      end();
    }
  }

  /** A timer or an event, of which the node itself says how many there are. @throws AspenError `PLUGIN_UNAVAILABLE` */
  notify(work: () => Promise<void>): Promise<void> {
    return this.#breaker.run(work);
  }

  /** The plugin was started anew. */
  reset(): void {
    this.#breaker.reset();
  }

  #begin(): () => void {
    const { plugin, meters, usage } = this.parts;
    try {
      return usage().beginCall();
    } catch (error) {
      meters?.limited(plugin, String(AspenError.from(error).details?.limit));
      throw error;
    }
  }
}
