import { limitErrors } from "./errors.js";
import { type PluginLimitOptions, type PluginLimitSettings, pluginLimitSettings } from "./options.js";
import { TokenBucket } from "./token-bucket.js";

/** What one host call takes. */
export interface HostCost {
  /** Operations on keys. */
  readonly kvOps?: number;
  /** Events. */
  readonly events?: number;
  /** HTTP requests. */
  readonly requests?: number;
}

type Rate = "callsPerSecond" | "kvOpsPerSecond" | "kvBytesPerSecond" | "eventsPerSecond" | "requestsPerSecond";

/** What one plugin does on this node, all of its revisions and instances together, against what it may. */
export class PluginUsage {
  readonly #settings: PluginLimitSettings;
  readonly #buckets = new Map<Rate, TokenBucket>();
  #calls = 0;
  #requests = 0;

  constructor(
    private readonly plugin: string,
    options: PluginLimitOptions = {},
    /** Milliseconds on a monotonic clock. */
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#settings = pluginLimitSettings(options);
  }

  /** A request begins; returns what ends it. @throws AspenError `RATE_LIMITED`, `LIMIT_EXCEEDED` */
  beginCall(): () => void {
    const { concurrentCalls } = this.#settings;
    if (this.#calls >= concurrentCalls) {
      throw limitErrors.exceeded(this.plugin, "concurrentCalls", concurrentCalls, "requests to answer at once");
    }
    this.#take("callsPerSecond", 1, "requests");
    this.#calls += 1;
    return once(() => {
      this.#calls -= 1;
    });
  }

  /**
   * A host call is about to be served.
   *
   * @param made host calls of the same call of the plugin so far, this one included
   * @param bytes of its parameters
   * @throws AspenError `RATE_LIMITED`, `LIMIT_EXCEEDED`
   */
  hostCall(made: number, { kvOps = 0, events = 0, requests = 0 }: HostCost, bytes: number): void {
    const { hostCallsPerCall } = this.#settings;
    if (made > hostCallsPerCall) {
      throw limitErrors.exceeded(this.plugin, "hostCallsPerCall", hostCallsPerCall, "host calls in one call");
    }
    if (kvOps > 0) {
      this.#take("kvOpsPerSecond", kvOps, "operations on keys");
      this.#take("kvBytesPerSecond", bytes, "bytes of keys and values");
    }
    if (events > 0) this.#take("eventsPerSecond", events, "events");
    if (requests > 0) this.#take("requestsPerSecond", requests, "HTTP requests");
  }

  /** An operation on keys has given so many bytes. */
  kvResult(bytes: number): void {
    this.#bucket("kvBytesPerSecond").charge(bytes, this.now());
  }

  /** An HTTP request begins; returns what ends it. @throws AspenError `LIMIT_EXCEEDED` */
  beginRequest(): () => void {
    const { concurrentRequests } = this.#settings;
    if (this.#requests >= concurrentRequests) {
      throw limitErrors.exceeded(this.plugin, "concurrentRequests", concurrentRequests, "HTTP requests at once");
    }
    this.#requests += 1;
    return once(() => {
      this.#requests -= 1;
    });
  }

  #take(rate: Rate, tokens: number, what: string): void {
    const retryAfterMs = this.#bucket(rate).take(tokens, this.now());
    if (retryAfterMs > 0) throw limitErrors.tooOften(this.plugin, rate, this.#settings[rate], what, retryAfterMs);
  }

  #bucket(rate: Rate): TokenBucket {
    const known = this.#buckets.get(rate);
    if (known) return known;
    const bucket = new TokenBucket(this.#settings[rate], this.now());
    this.#buckets.set(rate, bucket);
    return bucket;
  }
}

function once(end: () => void): () => void {
  let over = false;
  return () => {
    if (!over) end();
    over = true;
  };
}
