import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type DurableCursor, DurableCursors, type LoggedEvent } from "@aspen/layers";
import {
  AspenError,
  type Clock,
  isAspenError,
  LIMITS,
  type Logger,
  type ManifestSubscription,
  topicMatches,
} from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { causeOf } from "../host-context/events.js";
import type { HostMeasures } from "../host-context/host-function.js";
import { DELIVERY, DeadEvents } from "./dead-events.js";
import { type PluginEvent, pluginEvent } from "./plugin-event.js";

/** The longest that is waited before an event is told again. */
const RETRY_MOST_MS = 30_000;
/** Events for other ears after which the cursor is moved all the same. */
const SKIPPED_MAX = 256;
/** Failures of somebody else than the plugin, after which an event counts as one that it does not take. */
const OTHERS_MAX = 1000;
/** What the plugin, as a rule, is not to blame for. */
const OTHERS = new Set(["PLUGIN_UNAVAILABLE", "STORE_UNAVAILABLE", "OUTCOME_UNKNOWN", "CANCELLED"]);

export interface EventDeliveryOptions {
  kv: KeyValueStore;
  logger: Logger;
  plugin: string;
  /** The namespaces whose events it may read. */
  sources: readonly string[];
  subscriptions: readonly ManifestSubscription[];
  /** Name of this node, for people who look at the lease. */
  owner: string;
  /** Milliseconds before an event is told again; twice as many each time, at most 30,000. */
  retryMs: number;
  /** The time of day. */
  clock: Clock;
  /** What is measured. @default nothing */
  measures?: Pick<HostMeasures, "event"> | undefined;
  /** Tells the plugin. The signal aborts when another node may tell it. */
  deliver(event: PluginEvent, chain: readonly string[], signal: AbortSignal): Promise<void>;
}

/**
 * Tells one plugin of its events: at least once, in the order of each namespace, by one node of the cluster at a time.
 * Where it stopped is in the store. Disposing it waits for the call under way, and lets another node go on.
 */
export class EventDelivery implements AsyncDisposable {
  readonly #ended = new AbortController();
  readonly #cursors: DurableCursors;
  readonly #dead: DeadEvents;
  readonly #running: Promise<void>;

  constructor(private readonly options: EventDeliveryOptions) {
    const { kv, owner, plugin } = options;
    this.#cursors = new DurableCursors(kv, { owner });
    this.#dead = new DeadEvents(kv, plugin);
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { plugin, sources, logger } = this.options;
    const { signal } = this.#ended;
    const wanted = { home: DELIVERY, consumer: `plugin.${plugin}`, sources };
    for (let failures = 0; !signal.aborted; ) {
      try {
        await using cursor = await this.#cursors.acquire(wanted, signal);
        await this.#consume(cursor);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ plugin, err: error }, "the events of a plugin cannot be followed; it is tried again");
        await this.#wait(failures, signal);
        failures += 1;
      }
    }
  }

  async #consume(cursor: DurableCursor): Promise<void> {
    const { plugin, logger } = this.options;
    const { signal } = this.#ended;
    const onUnreadable = (error: Error) =>
      logger.warn({ plugin, err: error }, "an event cannot be read; it is left out");
    while (!signal.aborted) {
      try {
        await this.#follow(cursor, cursor.follow({ signal, onUnreadable }));
      } catch (error) {
        if (!isAspenError(error) || error.code !== "EVENTS_COMPACTED") throw error;
        logger.warn({ plugin, err: error }, "events that a plugin has not been told of are gone");
        const { namespace, resume } = error.details as { namespace: string; resume: string };
        await cursor.seek(namespace, resume);
      }
    }
  }

  async #follow(cursor: DurableCursor, events: AsyncIterable<LoggedEvent>): Promise<void> {
    const { signal } = this.#ended;
    const over = AbortSignal.any([signal, cursor.signal]);
    setMaxListeners(0, over);
    /** By namespace, the last event that nobody had to be told of, behind the position. */
    const skipped = new Map<string, { event: LoggedEvent; count: number }>();
    for await (const event of events) {
      if (this.#isWanted(event)) {
        const ops = await this.#tell(event, over, cursor.signal);
        if (ops === null) break;
        await cursor.commit(event, { ops });
        skipped.delete(event.namespace);
      } else {
        const count = (skipped.get(event.namespace)?.count ?? 0) + 1;
        skipped.set(event.namespace, { event, count });
        if (count < SKIPPED_MAX) continue;
        await cursor.commit(event);
        skipped.delete(event.namespace);
      }
      if (signal.aborted) break;
    }
    for (const { event } of skipped.values()) await cursor.commit(event);
  }

  #isWanted({ topic, chain }: LoggedEvent): boolean {
    const own = chain.includes(causeOf(this.options.plugin));
    return this.options.subscriptions.some((one) => topicMatches(one.topic, topic) && (one.recursive || !own));
  }

  /** What to store with the cursor when the plugin has been told or has failed for good; null when this was given up. */
  async #tell(event: LoggedEvent, over: AbortSignal, lost: AbortSignal) {
    const { plugin, logger, deliver, measures } = this.options;
    const lag = () => this.options.clock.now() - Date.parse(event.time);
    const own = causeOf(plugin);
    const chain = event.chain.includes(own) ? event.chain : [...event.chain, own];
    let failed = 0;
    for (let others = 0; ; ) {
      if (over.aborted) return null;
      try {
        await deliver(pluginEvent(event, failed + 1), chain, lost);
        measures?.event(plugin, "delivered", lag());
        return [];
      } catch (thrown) {
        const error = AspenError.from(thrown);
        if (over.aborted) return null;
        if (OTHERS.has(error.code) && others < OTHERS_MAX) others += 1;
        else failed += 1;
        const { id, topic } = event;
        if (failed >= LIMITS.eventAttempts) {
          const fields = { plugin, event: id, topic, attempts: failed, err: error };
          measures?.event(plugin, "dead", lag());
          logger.error(fields, "a plugin does not take an event, which goes to its dead events");
          return this.#dead.ops(event, error, failed);
        }
        measures?.event(plugin, "retried", null);
        logger.warn({ plugin, event: id, topic, attempts: failed, err: error }, "a plugin failed with an event");
        await this.#wait(failed + others - 1, over);
      }
    }
  }

  async #wait(failures: number, signal: AbortSignal): Promise<void> {
    const ms = Math.min(this.options.retryMs * 2 ** Math.min(failures, 20), RETRY_MOST_MS);
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }
}
