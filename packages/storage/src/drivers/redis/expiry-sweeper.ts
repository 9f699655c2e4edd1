import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { every, type Loop } from "@aspen/plugin-api/every";
import type { RedisConnection } from "./connection/redis-connection.js";

/** Milliseconds between looks for namespaces in which something has expired. */
const LOOK_MS = 1000;
/** Namespaces that one look takes, and milliseconds for which no other store takes the same. */
const TAKEN = { namespaces: 100, ms: 2000 };
/** Most times that one namespace is swept in one look; each drops up to 1,000 entries. */
const SWEEPS = 10;
/** Milliseconds for which a namespace is remembered though nothing expires in it. */
const REMEMBERED_MS = 60_000;

/**
 * Drops the index entries of expired keys. Redis itself drops the values, so nobody reads them. All stores share a
 * registry of namespaces, by the time of their next expiry; the registry outlives the stores.
 */
export class ExpirySweeper {
  readonly #loop: Loop;
  /** Namespaces that could not be announced, and when something expires in them, as of `performance.now`. */
  readonly #missed = new Map<string, number>();

  constructor(
    private readonly connection: RedisConnection,
    private readonly registry: string,
    /** Drops what has expired in a namespace; says when the next entry expires, -1 for never. */
    private readonly sweep: (namespace: string) => Promise<number>,
  ) {
    // Users of the store hear what is wrong with it; the namespaces that were taken are tried again.
    this.#loop = every(LOOK_MS, (signal) => this.#look(signal), { onError: () => undefined });
  }

  /**
   * Announces an expiry; never fails, as it is announced again until that succeeds. True when it was.
   */
  async announce(namespace: string, ttlMs: number): Promise<boolean> {
    const due = performance.now() + ttlMs;
    try {
      await this.connection.script("announce-expiry", [this.registry], [namespace, ttlMs]);
      return true;
    } catch {
      // The write that this is about has its own outcome.
      this.#missed.set(namespace, Math.min(due, this.#missed.get(namespace) ?? due));
      return false;
    }
  }

  close(): void {
    this.#loop[Symbol.dispose]();
  }

  async #look(signal: AbortSignal): Promise<void> {
    await this.#announceMissed();
    const taken = await this.connection.script("take-due", [this.registry], [TAKEN.namespaces, TAKEN.ms]);
    const flat = (taken as Buffer[]).map((part) => decodeUtf8(part));
    for (let i = 0; i < flat.length && !signal.aborted; i += 2) await this.#sweepOne(flat[i]!, flat[i + 1]!);
  }

  async #announceMissed(): Promise<void> {
    for (const [namespace, due] of [...this.#missed]) {
      this.#missed.delete(namespace);
      await this.announce(namespace, Math.max(0, Math.ceil(due - performance.now())));
    }
  }

  async #sweepOne(namespace: string, taken: string): Promise<void> {
    // When the next entry expires is wall time: all stores share it, and it outlives them.
    let next = 0;
    for (let i = 0; i < SWEEPS && next >= 0 && next <= Date.now(); i++) next = await this.sweep(namespace);
    await this.connection.script("settle-due", [this.registry], [namespace, taken, next, REMEMBERED_MS]);
  }
}
