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

  /** Refuses further requests and waits for those under way, at most `timeoutMs`. True when none is left. */
  async drain(timeoutMs: number): Promise<boolean> {
    this.#stopping = true;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([Promise.allSettled(this.#calls), timeout]);
    clearTimeout(timer);
    return this.#calls.size === 0;
  }
}
