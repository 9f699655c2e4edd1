import { type Clock, encodeUtf8, every, LIMITS, type Logger, type Loop } from "@aspen/plugin-api";
import type { KeyValueStore, Op } from "@aspen/storage";
import { USED_PREFIX } from "./auth-keys.js";

/** Milliseconds between two writes for one token, and between two looks at what is to be written. */
const NOTE_EVERY_MS = 60_000;
const FLUSH_MS = 10_000;
/** Tokens whose uses are remembered; of those beyond, some are noted more often than once a minute. */
const REMEMBERED_MAX = 10_000;

export interface LastUseParts {
  kv: Pick<KeyValueStore, "transact">;
  clock: Clock;
  logger: Pick<Logger, "warn">;
}

/** Notes when a token was used last, at most once a minute for each, many with one write. */
export class LastUse implements AsyncDisposable {
  readonly #noted = new Map<string, number>();
  readonly #pending = new Map<string, { at: number; expiresAt: number }>();
  readonly #loop: Loop;

  constructor(private readonly parts: LastUseParts) {
    this.#loop = every(FLUSH_MS, () => this.flush(), {
      onError: (err) => parts.logger.warn({ err }, "the last uses of tokens could not be noted; it is tried again"),
    });
  }

  note(id: string, expiresAt: number): void {
    const now = this.parts.clock.now();
    const last = this.#noted.get(id);
    if (last !== undefined && now - last < NOTE_EVERY_MS && now >= last) return;
    if (this.#noted.size >= REMEMBERED_MAX) this.#noted.delete(this.#noted.keys().next().value!);
    this.#noted.set(id, now);
    this.#pending.set(id, { at: now, expiresAt });
  }

  /** Writes what is pending. @throws AspenError as the store does; what was not written stays pending */
  async flush(): Promise<void> {
    const now = this.parts.clock.now();
    while (this.#pending.size > 0) {
      const batch = [...this.#pending].slice(0, LIMITS.batchOps);
      const ops = batch.map(([id, { at, expiresAt }]): Op => {
        const value = encodeUtf8(JSON.stringify({ at }));
        return { type: "put", key: USED_PREFIX + id, value, ttlMs: Math.max(1, expiresAt - now) };
      });
      await this.parts.kv.transact({ checks: [], ops });
      for (const [id, use] of batch) if (this.#pending.get(id) === use) this.#pending.delete(id);
    }
  }

  /** Writes what is pending, where the store answers. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
    try {
      await this.flush();
    } catch (err) {
      this.parts.logger.warn({ err }, "the last uses of tokens could not be noted before the stop");
    }
  }
}
