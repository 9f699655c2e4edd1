import type { PluginHealth, PluginInstance } from "../runtime.js";

export interface HealthLoopOptions {
  /** Milliseconds between two checks. */
  everyMs: number;
  /** Milliseconds that one check has. */
  timeoutMs: number;
  report(health: PluginHealth): void;
}

/** Asks one instance for its health again and again. One check at a time: one that hangs is reported, and waited for. */
export class HealthLoop implements Disposable {
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(
    private readonly instance: PluginInstance,
    private readonly options: HealthLoopOptions,
  ) {
    this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#ended) return;
    this.#timer = setTimeout(() => void this.#check().finally(() => this.#schedule()), this.options.everyMs);
    this.#timer.unref();
  }

  async #check(): Promise<void> {
    const { timeoutMs } = this.options;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      this.#report({ state: "degraded", message: `its health check did not answer within ${timeoutMs} ms` });
      controller.abort();
    }, timeoutMs);
    timer.unref();
    try {
      const health = await this.instance.health(controller.signal);
      if (!controller.signal.aborted) this.#report(health);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!controller.signal.aborted) this.#report({ state: "degraded", message });
    } finally {
      clearTimeout(timer);
    }
  }

  #report(health: PluginHealth): void {
    if (!this.#ended) this.options.report(health);
  }
}
