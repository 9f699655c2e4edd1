import { randomUUID } from "node:crypto";
import { decodeUtf8, encodeUtf8, every, namespaceOf } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { layersErrors } from "./errors.js";
import { HeldLease, type Lease } from "./held-lease.js";

export type { Lease } from "./held-lease.js";

export interface LeasesOptions {
  /** Who holds it, for people who look into the store; at most 200 characters. @default "" */
  owner?: string;
  /** Milliseconds after which the store drops a lease that is not renewed; 100 to 86,400,000. @default 15,000 */
  ttlMs?: number;
  /** Milliseconds between two looks at a lease that is waited for, should the watch miss its end. @default 5,000 */
  pollMs?: number;
}

/** Leases of one store: at any time at most one holder of a key, and a fencing token for those who believe they are. */
export class Leases {
  readonly #kv: KeyValueStore;
  readonly #options: Required<LeasesOptions>;

  /** @throws AspenError `INVALID_PARAMS` when an option is out of range */
  constructor(kv: KeyValueStore, { owner = "", ttlMs = 15_000, pollMs = 5_000 }: LeasesOptions = {}) {
    if (owner.length > 200) throw layersErrors.invalid("owner", "must have at most 200 characters");
    assertMilliseconds("ttlMs", ttlMs, 100);
    assertMilliseconds("pollMs", pollMs, 1);
    this.#kv = kv;
    this.#options = { owner, ttlMs, pollMs };
  }

  /**
   * The lease, or null when somebody else holds it. `key` holds a namespace, such as `jobs:sweeper`; its fencing token is
   * kept under `${key}#token` for ever.
   *
   * @throws AspenError `INVALID_PARAMS`, or what the store throws; after `OUTCOME_UNKNOWN` the lease may be taken until
   * its TTL is over
   */
  async tryAcquire(key: string): Promise<Lease | null> {
    const tokenKey = `${key}#token`;
    if (namespaceOf(key) !== namespaceOf(tokenKey)) {
      throw layersErrors.invalid("key", 'must hold a namespace, such as "jobs:sweeper"');
    }
    const [holder, last] = await this.#kv.getMany([key, tokenKey]);
    if (holder) return null;
    const fencingToken = nextToken(last?.value ?? null);
    const token = encodeUtf8(String(fencingToken));
    // A store that lost its newest writes in a fail-over may give a token twice; the id keeps the two holders apart.
    const id = randomUUID();
    const record = encodeUtf8(JSON.stringify({ owner: this.#options.owner, token: fencingToken, id }));
    const { ttlMs } = this.#options;
    const sentAt = performance.now();
    const result = await this.#kv.transact({
      checks: [
        { key, value: null },
        { key: tokenKey, value: last?.value ?? null },
      ],
      ops: [
        { type: "put", key, value: record, ttlMs },
        { type: "put", key: tokenKey, value: token },
      ],
    });
    if (!result.ok) return null;
    return new HeldLease(this.#kv, { key, tokenKey, fencingToken, token, record, ttlMs, sentAt });
  }

  /**
   * Waits until the lease is free, and takes it.
   *
   * @throws AspenError `CANCELLED` when `signal` is aborted first, or as {@link tryAcquire}
   */
  async acquire(key: string, signal?: AbortSignal): Promise<Lease> {
    let changed = false;
    let wake = (): void => {};
    const notify = (): void => {
      changed = true;
      wake();
    };
    const done = new AbortController();
    let watching = false;
    const watch = async (): Promise<void> => {
      watching = true;
      try {
        for await (const event of this.#kv.watch(key, { signal: done.signal })) {
          if (event.type === "synced" || (event.type === "delete" && event.key === key)) notify();
        }
      } finally {
        watching = false;
      }
    };
    const look = (): void => {
      if (!watching) watch().catch(notify);
      notify();
    };
    signal?.addEventListener("abort", notify, { once: true });
    const polling = every(this.#options.pollMs, look, { signal: done.signal, unref: false, onError: notify });
    try {
      for (;;) {
        if (signal?.aborted) throw layersErrors.cancelled(`waiting for the lease ${JSON.stringify(key)}`);
        changed = false;
        const lease = await this.tryAcquire(key);
        if (lease && signal?.aborted) {
          await lease.release();
          continue;
        }
        if (lease) return lease;
        // Not tried again at once, which would never rest: the poll starts it anew, and an attempt tells what is wrong.
        if (!watching) watch().catch(() => undefined);
        if (changed) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      signal?.removeEventListener("abort", notify);
      done.abort();
      await polling[Symbol.asyncDispose]();
    }
  }
}

function assertMilliseconds(field: string, value: number, least: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= 86_400_000)) {
    throw layersErrors.invalid(field, `must be a whole number of milliseconds from ${least} to 86,400,000`);
  }
}

function nextToken(last: Uint8Array | null): number {
  const text = last === null ? "0" : decodeUtf8(last);
  const next = Number(text) + 1;
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(next)) {
    throw layersErrors.invalid("key", "has a fencing token that is no whole number");
  }
  return next;
}
