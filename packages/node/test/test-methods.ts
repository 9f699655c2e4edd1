import { once } from "node:events";
import { POINTS } from "@aspen/feature";
import { method, methodsHandler } from "@aspen/rpc-core";
import { ContainerModule } from "inversify";
import { z } from "zod";

/** A method `slow.call` that answers when the test says so. */
export class SlowMethod {
  readonly #events = new EventTarget();
  #calls: ((result: unknown) => void)[] = [];
  /** How often it was called. */
  count = 0;

  readonly module = new ContainerModule(({ bind }) => {
    const slow = method({
      summary: "",
      params: z.unknown(),
      handle: () =>
        new Promise((resolve) => {
          this.count += 1;
          this.#calls.push(resolve);
          this.#events.dispatchEvent(new Event("call"));
        }),
    });
    const create = () => methodsHandler({ name: "slow", priority: 500, methods: { "slow.call": slow } });
    bind(POINTS.handlerFactory).toConstantValue({ name: "slow", priority: 500, create });
  });

  /** Resolves at the next call. */
  called(): Promise<unknown> {
    return once(this.#events as never, "call");
  }

  /** Answers every call that waits. */
  release(): void {
    for (const resolve of this.#calls.splice(0)) resolve("released");
  }
}
