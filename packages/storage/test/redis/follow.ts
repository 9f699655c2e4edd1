import { setTimeout as delay } from "node:timers/promises";
import { isAspenError } from "@aspen/plugin-api";
import type { KeyValueStore } from "../../src/index.js";

/** Collects the keys that a watch tells of; begins again with a snapshot when the watch saw writes that were lost. */
export async function follow(kv: KeyValueStore, prefix: string, seen: Set<string>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of kv.watch(prefix, { signal })) {
        if (event.type === "entry" || event.type === "put") seen.add(event.key);
      }
    } catch (error) {
      // Nothing was answered in time while there was no primary, or the past is another one.
      if (!isAspenError(error) || !["WATCH_COMPACTED", "STORE_UNAVAILABLE"].includes(error.code)) throw error;
      await delay(20);
    }
  }
}
