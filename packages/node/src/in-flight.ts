import { type Middleware, ResultStream, untilEnd } from "@aspen/rpc-core";
import { nodeErrors } from "./errors.js";

/** Calls that began between two looks at what is under way. */
class Group {
  count = 0;
  #whenEmpty: (() => void)[] = [];

  leave(): void {
    this.count -= 1;
    if (this.count > 0) return;
    for (const tell of this.#whenEmpty.splice(0)) tell();
  }

  empty(): Promise<void> {
    return this.count === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve));
  }
}

/** Counts the requests under way, so that a node can let them end before it stops. */
export class InFlight {
  /** The last one is that of new calls. */
  #groups: Group[] = [new Group()];
  #stopping = false;

  readonly middleware: Middleware = async (request, context, next) => {
    if (this.#stopping) throw nodeErrors.stopping();
    const group = this.#groups.at(-1)!;
    group.count += 1;
    let streams = false;
    try {
      const result = await next(request, context);
      streams = result instanceof ResultStream;
      return streams ? untilEnd(result as ResultStream, () => group.leave()) : result;
    } finally {
      if (!streams) group.leave();
    }
  };

  /** Settles when the calls that are under way now have ended; those that begin later are none of them. */
  underWay(): Promise<unknown> {
    const groups = this.#groups.filter(({ count }) => count > 0);
    this.#groups = [...groups, new Group()];
    return Promise.all(groups.map((group) => group.empty()));
  }

  get count(): number {
    return this.#groups.reduce((sum, { count }) => sum + count, 0);
  }

  /** Refuses further requests and waits for those under way, until the signal aborts. True when none is left. */
  async drain(signal: AbortSignal): Promise<boolean> {
    this.#stopping = true;
    await unlessAborted(signal, this.underWay());
    return this.count === 0;
  }
}

/** Waits for work until the signal aborts; the work goes on. */
export async function unlessAborted(signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  if (signal.aborted) return;
  await Promise.race([work, new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }))]);
}
