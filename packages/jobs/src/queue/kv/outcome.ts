import { isAspenError } from "@aspen/plugin-api";
import type { KeyValueStore, PutOptions, Transaction, TxResult } from "@aspen/storage";

/**
 * A transaction, or `unknown` when the connection was lost before its answer came. It may even be applied later: who
 * tries again relies on the checks, of which one has to fail then.
 */
export async function tryTransact(kv: KeyValueStore, transaction: Transaction): Promise<TxResult | "unknown"> {
  try {
    return await kv.transact(transaction);
  } catch (error) {
    if (isAspenError(error) && error.code === "OUTCOME_UNKNOWN") return "unknown";
    throw error;
  }
}

/**
 * True when a change that failed with this may have been made all the same, now or later: what it needs must stay. Whatever
 * else fails was read after the change was refused.
 */
export function mayBeApplied(error: unknown): boolean {
  return isAspenError(error) && (error.code === "OUTCOME_UNKNOWN" || error.code === "STORE_UNAVAILABLE");
}

const ATTEMPTS = 5;

/** A put that may as well be done twice: it is sent again when the answer was lost. @throws AspenError what the store throws */
export async function putRepeatably(
  kv: KeyValueStore,
  key: string,
  value: Uint8Array,
  options?: PutOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await kv.put(key, value, options);
      return;
    } catch (error) {
      if (!(isAspenError(error) && error.code === "OUTCOME_UNKNOWN") || attempt === ATTEMPTS) throw error;
    }
  }
}
