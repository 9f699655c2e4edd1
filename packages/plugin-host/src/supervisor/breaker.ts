import { type AspenError, isAspenError } from "@aspen/plugin-api";
import { limitErrors } from "../limits/errors.js";

const OPEN_MAX_MS = 60_000;

export interface BreakerOptions {
  /** Calls that end an instance or run out of time, one after the other, after which the plugin is out of service; 0: never. */
  failures: number;
  /** Milliseconds of the first time; twice as long each time that its probe fails, at most 60,000. */
  openMs: number;
}

/** As `plugin.info` shows it. */
export interface BreakerStatus {
  /** `open`: calls are refused; `half-open`: one is let through, to see how it goes. */
  state: "open" | "half-open";
  /** Why: what the last call failed with. */
  code: string;
  /** Milliseconds until a call is let through; 0 from then on. */
  retryAfterMs: number;
}

/**
 * Takes a plugin out of service that fails again and again in ways that cost the node an instance or a whole
 * `execution_timeout_ms`, and lets one call through from time to time. What a plugin throws itself is no such failure.
 */
export class Breaker {
  #failures = 0;
  #opened = 0;
  /** Of the last failure; null while calls are let through. */
  #code: string | null = null;
  #openUntil = 0;
  #probing = false;

  constructor(
    private readonly plugin: string,
    private readonly options: BreakerOptions,
    /** It has opened, for so long. */
    private readonly onOpened: (ms: number, error: AspenError) => void,
  ) {}

  /** Null while calls are let through. */
  get status(): BreakerStatus | null {
    if (this.#code === null) return null;
    const retryAfterMs = Math.max(0, Math.ceil(this.#openUntil - performance.now()));
    return { state: retryAfterMs > 0 ? "open" : "half-open", code: this.#code, retryAfterMs };
  }

  /** Carries out a call of the plugin. @throws AspenError `PLUGIN_UNAVAILABLE` while it is open; what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const probe = this.#enter();
    try {
      const result = await work();
      this.#succeeded(probe);
      return result;
    } catch (error) {
      if (this.#isFailure(error)) this.#failed(error, probe);
      // It has answered, be it with an error; of a call that was given up nobody knows.
      else if (!isAspenError(error) || !UNDECIDED.has(error.code)) this.#succeeded(probe);
      throw error;
    } finally {
      if (probe) this.#probing = false;
    }
  }

  /** Lets calls through again. */
  reset(): void {
    this.#failures = 0;
    this.#opened = 0;
    this.#code = null;
  }

  /** True for the one call that is let through to see how it goes. */
  #enter(): boolean {
    const { status } = this;
    if (status === null) return false;
    if (status.state === "open" || this.#probing) throw limitErrors.broken(this.plugin, status);
    this.#probing = true;
    return true;
  }

  #succeeded(probe: boolean): void {
    // A call that began before it opened says nothing of what came since.
    if (this.#code !== null && !probe) return;
    this.reset();
  }

  #failed(error: AspenError, probe: boolean): void {
    this.#failures += 1;
    if (!probe && (this.#code !== null || this.options.failures === 0 || this.#failures < this.options.failures))
      return;
    const ms = Math.min(this.options.openMs * 2 ** this.#opened, OPEN_MAX_MS);
    this.#opened += 1;
    this.#code = error.code;
    this.#openUntil = performance.now() + ms;
    this.onOpened(ms, error);
  }

  /** Of this plugin itself: it may also hand on what another one failed with. */
  #isFailure(error: unknown): error is AspenError {
    if (!isAspenError(error) || error.details?.plugin !== this.plugin) return false;
    if (error.code === "PLUGIN_TRAP") return error.details.ended === true;
    return error.code === "PLUGIN_TIMEOUT" || error.code === "PLUGIN_OUT_OF_MEMORY";
  }
}

const UNDECIDED = new Set(["CANCELLED", "PLUGIN_UNAVAILABLE", "DEADLINE_EXCEEDED"]);
