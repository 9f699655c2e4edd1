import { JsonBytes } from "@aspen/rpc-core";
import { callErrors } from "../errors.js";
import type { CallOptions } from "../runtime.js";

/** Calls of one plugin that may wait for its start; one more is refused. */
const WAITING_MAX = 10_000;
/** Bytes of their params, as far as those came as bytes; a call beyond them is refused unless it is alone. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

/** Calls of one plugin that came while its first start was still ahead or under way. */
export class AwaitingCalls {
  readonly #waiting = new Set<() => void>();
  #bytes = 0;

  constructor(private readonly plugin: string) {}

  /** Resolves when it is known how the start ended. @throws AspenError `PLUGIN_UNAVAILABLE`, `CANCELLED` */
  async join(params: unknown, { signal }: Pick<CallOptions, "signal">): Promise<void> {
    if (signal?.aborted) throw callErrors.cancelled(this.plugin);
    const bytes = params instanceof JsonBytes ? params.bytes.length : 0;
    const full = this.#waiting.size > 0 && this.#bytes + bytes > WAITING_BYTES_MAX;
    if (full || this.#waiting.size >= WAITING_MAX) {
      const why = `${this.#waiting.size} calls with ${this.#bytes} bytes wait for its start already; try again later`;
      throw callErrors.unavailable(this.plugin, why);
    }
    let settle = () => {};
    let giveUp = () => {};
    this.#bytes += bytes;
    try {
      await new Promise<void>((resolve, reject) => {
        settle = resolve;
        giveUp = () => reject(callErrors.cancelled(this.plugin));
        this.#waiting.add(settle);
        signal?.addEventListener("abort", giveUp, { once: true });
      });
    } finally {
      signal?.removeEventListener("abort", giveUp);
      this.#waiting.delete(settle);
      this.#bytes -= bytes;
    }
  }

  /** The start has ended: each call goes on, in order. */
  settle(): void {
    for (const resolve of this.#waiting) resolve();
  }
}
