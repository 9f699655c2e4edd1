import { every, type Loop } from "@aspen/plugin-api";
import type { HealthOptions, PluginHealth, PluginInstance } from "../runtime.js";

export interface HealthLoopOptions extends Pick<HealthOptions, "caller"> {
  /** Milliseconds between two checks. */
  everyMs: number;
  /** Milliseconds that one check has. */
  timeoutMs: number;
  report(health: PluginHealth): void;
}

/** Asks one instance for its health again and again. A check that hangs is reported, and waited for. */
export class HealthLoop implements Disposable {
  readonly #loop: Loop;

  constructor(
    private readonly instance: PluginInstance,
    private readonly options: HealthLoopOptions,
  ) {
    this.#loop = every(options.everyMs, (ended) => this.#check(ended), {
      onError: (error) => options.report(degraded(error)),
    });
  }

  [Symbol.dispose](): void {
    this.#loop[Symbol.dispose]();
  }

  async #check(ended: AbortSignal): Promise<void> {
    const { timeoutMs, caller } = this.options;
    const late = AbortSignal.timeout(timeoutMs);
    const report = (health: PluginHealth) => {
      if (!ended.aborted) this.options.report(health);
    };
    const onLate = () => report(degraded(new Error(`its health check did not answer within ${timeoutMs} ms`)));
    late.addEventListener("abort", onLate);
    try {
      const health = await this.instance.health({ caller, signal: late });
      if (!late.aborted) report(health);
    } catch (error) {
      if (!late.aborted) report(degraded(error));
    } finally {
      late.removeEventListener("abort", onLate);
    }
  }
}

function degraded(error: unknown): PluginHealth {
  return { state: "degraded", message: error instanceof Error ? error.message : String(error) };
}
