import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";
import type { KeyValueStore } from "./key-value-store.js";

/** Milliseconds to wait at most after a first lost swap; twice as many after each further one. */
const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 64;

export interface UpdateOptions {
  /** Swaps to try before giving up, each against the value that was found. @default 100 */
  attempts?: number;
  /** Milliseconds until the entry expires, from the update on, as `put` takes them. @default never */
  ttlMs?: number;
  /** Gives up between two swaps. */
  signal?: AbortSignal;
}

type Swappable = Pick<KeyValueStore, "get" | "compareAndSwap">;

/**
 * Replaces a key's value by what `change` makes of the current one (null: absent), by compare-and-swap; `change` may
 * be called several times. Returns the value that was stored.
 *
 * @throws AspenError `KV_CONFLICT` when others were faster each time, `CANCELLED`, or what the store throws; after
 * `OUTCOME_UNKNOWN` the change may or may not have been made
 */
export async function updateValue(
  kv: Swappable,
  key: string,
  change: (current: Uint8Array | null) => Uint8Array | null,
  { attempts = 100, ttlMs, signal }: UpdateOptions = {},
): Promise<Uint8Array | null> {
  let current = (await kv.get(key))?.value ?? null;
  let wait = FIRST_WAIT_MS;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (signal?.aborted) throw storageErrors.cancelled(`the update of ${JSON.stringify(key)}`);
    const next = change(current);
    // There is nothing to expire of what is deleted.
    const options = next === null || ttlMs === undefined ? {} : { ttlMs };
    const result = await kv.compareAndSwap(key, current, next, options);
    if (result.ok) return next;
    current = result.actual?.value ?? null;
    // Random, so that those who lost together do not meet again.
    await delay(Math.random() * wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
  throw storageErrors.conflict(key, attempts);
}

/**
 * Adds to the whole number that a key holds as decimal text, absent as 0, and returns the sum.
 *
 * @throws AspenError as {@link updateValue}; `INVALID_PARAMS` when the key holds something else or the sum is not
 * within ±(2^53-1)
 */
export async function addToCounter(kv: Swappable, key: string, amount = 1, options?: UpdateOptions): Promise<number> {
  let sum = 0;
  await updateValue(
    kv,
    key,
    (current) => {
      const text = current === null ? "0" : decodeUtf8(current);
      if (!/^-?\d{1,16}$/.test(text))
        throw storageErrors.invalid("key", `${JSON.stringify(key)} holds no whole number`);
      sum = Number(text) + amount;
      if (!Number.isSafeInteger(sum)) throw storageErrors.invalid("amount", "must keep the counter within ±(2^53-1)");
      return encodeUtf8(String(sum));
    },
    options,
  );
  return sum;
}
