import { setTimeout as delay } from "node:timers/promises";
import { type Clock, decodeUtf8, encodeUtf8, every, type Logger, type Loop } from "@aspen/plugin-api";
import { type KeyValueStore, type KvEvent, readPage, type Version } from "@aspen/storage";
import { nodeErrors } from "../errors.js";
import { EPOCH_KEY, KEYS_KEY, REVOKED_PREFIX, STATE_PREFIX } from "./auth-keys.js";
import { type KeyRing, newKey, readKeyRing, writeKeyRing } from "./key-ring.js";

/** Milliseconds between two looks at the store, should the watch miss something. */
const POLL_MS = 1000;
/** Milliseconds after which a watch that failed is begun anew. */
const WATCH_AGAIN_MS = 500;
/** Least milliseconds between two reads of the keys because a token names one that is not known. */
const KEYS_AGAIN_MS = 250;

export interface AuthStateParts {
  kv: KeyValueStore;
  clock: Clock;
  /** How others' changes are followed; null when there are none: no other node changes the store. */
  follow: FollowOptions | null;
}

export interface FollowOptions {
  logger: Logger;
  /** Milliseconds without news of the store after which what is known counts no more. */
  staleMs: number;
}

/** The keys and the revocations of a cluster, as this node knows them. */
export class AuthState implements AsyncDisposable {
  #ring!: KeyRing;
  /** Ids, and when the token expires. */
  readonly #revoked = new Map<string, number>();
  #seen: Version = 0;
  #freshAt = performance.now();
  #keysReadAt = Number.NEGATIVE_INFINITY;
  #keysRead: Promise<void> | null = null;
  #poll: Loop | null = null;
  #watching: Promise<void> | null = null;
  readonly #ended = new AbortController();

  private constructor(private readonly parts: AuthStateParts) {}

  /**
   * Reads them, and makes the keys where there are none: of several nodes that do so at once, one wins.
   *
   * @throws AspenError `STORE_INCONSISTENT` when the keys cannot be read, or what the store throws
   */
  static async open(parts: AuthStateParts): Promise<AuthState> {
    const state = new AuthState(parts);
    await state.#makeKeys();
    await state.reload();
    if (parts.follow) state.#follow(parts.follow);
    return state;
  }

  get ring(): KeyRing {
    return this.#ring;
  }

  isRevoked(id: string): boolean {
    return this.#revoked.has(id);
  }

  /** @throws AspenError `STORE_UNAVAILABLE` when the store has been away for so long that a revocation may be missed */
  assertFresh(): void {
    const { follow } = this.parts;
    if (follow && performance.now() - this.#freshAt > follow.staleMs)
      throw nodeErrors.revocationsUnknown(follow.staleMs);
  }

  /** Reads everything anew: after a change by this node, it counts here before the change is answered. */
  async reload(): Promise<void> {
    const { kv } = this.parts;
    const begun = performance.now();
    const epoch = await kv.get(EPOCH_KEY);
    await this.#readKeys();
    let after: string | undefined;
    do {
      const page = await readPage(kv, { prefix: REVOKED_PREFIX, ...(after === undefined ? {} : { after }) });
      for (const { key, value } of page.entries) this.#revoke(key, value);
      after = page.cursor;
    } while (after !== undefined);
    this.#seen = Math.max(this.#seen, epoch?.version ?? 0);
    this.#freshAt = begun;
  }

  /** Looks whether a key has come that is not known; many at once, and one after the other, share a read. */
  async lookForKeys(): Promise<void> {
    this.#keysRead ??= this.#readKeysSoon().finally(() => {
      this.#keysRead = null;
    });
    await this.#keysRead;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#poll?.[Symbol.asyncDispose]();
    await this.#watching;
  }

  async #makeKeys(): Promise<void> {
    const { kv, clock } = this.parts;
    if (await kv.get(KEYS_KEY)) return;
    const record = { clusterId: crypto.randomUUID(), current: await newKey(clock.now()), retired: [] };
    // Whoever was first has made them.
    await kv.compareAndSwap(KEYS_KEY, null, writeKeyRing(record));
  }

  async #readKeysSoon(): Promise<void> {
    const wait = this.#keysReadAt + KEYS_AGAIN_MS - performance.now();
    if (wait > 0) await delay(wait, undefined, { signal: this.#ended.signal });
    await this.#readKeys();
  }

  async #readKeys(): Promise<void> {
    this.#keysReadAt = performance.now();
    const entry = await this.parts.kv.get(KEYS_KEY);
    if (!entry) throw nodeErrors.keysUnreadable(null);
    await this.#takeKeys(entry.value);
  }

  async #takeKeys(value: Uint8Array): Promise<void> {
    try {
      this.#ring = await readKeyRing(value);
    } catch (error) {
      throw nodeErrors.keysUnreadable(error);
    }
  }

  #follow({ logger }: FollowOptions): void {
    let failing = false;
    const onError = (err: unknown) => {
      if (!failing) logger.warn({ err }, "revocations cannot be followed; it is tried again");
      failing = true;
    };
    this.#poll = every(
      POLL_MS,
      async () => {
        await this.#look();
        failing = false;
      },
      { onError },
    );
    this.#watching = this.#watch(onError);
  }

  async #look(): Promise<void> {
    const begun = performance.now();
    const epoch = await this.parts.kv.get(EPOCH_KEY);
    if ((epoch?.version ?? 0) > this.#seen) await this.reload();
    else this.#freshAt = begun;
    const now = this.parts.clock.now();
    for (const [id, expiresAt] of this.#revoked) if (expiresAt < now) this.#revoked.delete(id);
  }

  async #watch(onError: (error: unknown) => void): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        for await (const event of this.parts.kv.watch(STATE_PREFIX, { signal })) await this.#hear(event);
      } catch (error) {
        onError(error);
      }
      // Ended by the disposal, which is no failure.
      await delay(WATCH_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #hear(event: KvEvent): Promise<void> {
    if (event.type === "synced" || event.type === "delete") return;
    const { key, value } = event;
    if (key === KEYS_KEY) await this.#takeKeys(value);
    if (key.startsWith(REVOKED_PREFIX)) this.#revoke(key, value);
  }

  /** What cannot be read is revoked for good. */
  #revoke(key: string, value: Uint8Array): void {
    this.#revoked.set(key.slice(REVOKED_PREFIX.length), expiryIn(value));
  }
}

/** What the store holds of a revocation. */
export function revocation(expiresAt: number): Uint8Array {
  return encodeUtf8(JSON.stringify({ expiresAt }));
}

function expiryIn(value: Uint8Array): number {
  try {
    const { expiresAt } = JSON.parse(decodeUtf8(value)) as { expiresAt?: unknown };
    return typeof expiresAt === "number" ? expiresAt : Number.POSITIVE_INFINITY;
  } catch {
    // Something was revoked; when it expires is all that is lost.
    return Number.POSITIVE_INFINITY;
  }
}
