import type { Middleware } from "@aspen/rpc-core";
import { nodeErrors } from "./errors.js";

/** Counts the requests under way, so that a node can let them end before it stops. */
export class InFlight {
  readonly #calls = new Set<Promise<unknown>>();
  #stopping = false;

  readonly middleware: Middleware = async (request, context, next) => {
    if (this.#stopping) throw nodeErrors.stopping();
    const call = next(request, context);
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  };

  /** Settles when the calls that are under way now have ended. */
  underWay(): Promise<unknown> {
    return Promise.allSettled(this.#calls);
  }

  get count(): number {
    return this.#calls.size;
  }

  /** Refuses further requests and waits for those under way, until the signal aborts. True when none is left. */
  async drain(signal: AbortSignal): Promise<boolean> {
    this.#stopping = true;
    await unlessAborted(signal, this.underWay());
    return this.#calls.size === 0;
  }
}

/** Waits for work until the signal aborts; the work goes on. */
export async function unlessAborted(signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  if (signal.aborted) return;
  await Promise.race([work, new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }))]);
}
