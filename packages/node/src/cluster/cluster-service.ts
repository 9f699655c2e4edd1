import type { Announcement, Service } from "@aspen/feature";
import { type JoinedMember, type MemberInfo, Membership, type MembershipOptions } from "@aspen/layers";
import { every, type Logger, type Loop } from "@aspen/plugin-api";
import type { HandlerRegistry } from "@aspen/rpc-core";
import type { KeyValueStore } from "@aspen/storage";
import { within } from "../composition/limit.js";
import type { ClusterView } from "./cluster-view.js";
import { FailureLog } from "./failure-log.js";
import { Served } from "./served.js";
import type { Transport } from "./transport.js";

/** Milliseconds in which changes of what this node serves are put together, and between two looks at it. */
const GATHER_MS = 50;
const LOOK_MS = 1000;
/** Milliseconds that each word to the cluster may take when the node stops: the store may be away. */
const GOODBYE_MS = 1500;

export interface ClusterServiceParts {
  kv: KeyValueStore;
  registry: HandlerRegistry;
  announcements: readonly Announcement[];
  view: ClusterView;
  transport: Transport;
  logger: Logger;
  /** What stays as it is while the node runs. */
  self: Pick<MemberInfo, "id" | "address" | "version" | "features">;
  membership: MembershipOptions;
  /** Requests under way. */
  load(): number;
}

/** Tells the cluster of this node as long as it answers, and follows the others. */
export class ClusterService implements Service {
  readonly name = "cluster";
  readonly announces = true;
  #membership: Membership | null = null;
  #joined: JoinedMember | null = null;
  #state: MemberInfo["state"] = "serving";
  #told = "";
  readonly #served: Served;
  #telling: Loop | null = null;
  #unwatch: () => void = () => undefined;

  constructor(private readonly parts: ClusterServiceParts) {
    this.#served = new Served(parts);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { kv, registry, view, logger, membership } = this.parts;
    const failures = new FailureLog(logger);
    const hears = { onError: failures.failed, onRecovered: failures.recovered };
    this.#membership = await Membership.open(kv, { ...membership, ...hears });
    await this.#join();
    view.follow(this.#membership);
    const onError = (err: unknown) =>
      logger.warn({ err }, "the cluster cannot be told of this node; it is tried again");
    this.#telling = every(LOOK_MS, () => this.#tell(), { signal, onError });
    this.#unwatch = registry.onChange(() => this.#telling?.soon(GATHER_MS));
  }

  /** No other node sends it requests from now on, as soon as they have heard. */
  async drain(): Promise<void> {
    this.#state = "draining";
    const joined = this.#joined;
    if (joined && !joined.signal.aborted) await this.#bounded(() => joined.update({ state: "draining" }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unwatch();
    await this.#telling?.[Symbol.asyncDispose]();
    this.parts.view.follow(null);
    await this.parts.transport[Symbol.asyncDispose]();
    await this.#bounded(() => this.#membership?.[Symbol.asyncDispose]());
  }

  /** A node must be able to stop while its store is away; the others miss its signs of life. */
  async #bounded(goodbye: () => unknown): Promise<void> {
    const failed = (err: unknown) =>
      this.parts.logger.warn({ err }, "the cluster could not be told that this node stops");
    try {
      if (!(await within(GOODBYE_MS, goodbye, 0)))
        failed(new Error(`the store did not answer within ${GOODBYE_MS} ms`));
    } catch (err) {
      failed(err);
    }
  }

  async #join(): Promise<void> {
    const { self, load } = this.parts;
    const served = this.#served.read();
    this.#joined = await this.#membership!.join({ ...self, ...served, state: this.#state }, load);
    this.#told = JSON.stringify(served);
    this.#joined.signal.addEventListener("abort", () => this.#telling?.soon(GATHER_MS), { once: true });
  }

  async #tell(): Promise<void> {
    // Its id is its own: whoever took that, in error or with ill intent, is not the node that answers here.
    if (this.#joined?.signal.aborted) {
      this.parts.logger.warn({ err: this.#joined.signal.reason }, "this node is no member any more; it joins again");
      await this.#join();
      return;
    }
    const served = this.#served.read();
    const text = JSON.stringify(served);
    if (text === this.#told) return;
    await this.#joined?.update(served);
    this.#told = text;
  }
}
