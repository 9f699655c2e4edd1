import { randomBytes } from "node:crypto";
import type { Clock } from "@aspen/feature";
import { eventOp } from "@aspen/layers";
import { type KeyValueStore, readMany } from "@aspen/storage";
import type { ForgeStore } from "../domain/forge-store.js";
import { FORGE_NAMESPACE } from "../domain/keys.js";

/** As which the node emits the plugin's events. */
const SOURCE = "aspen:plugin/forge";

/** The store as the node's own process has it. */
export function nativeStore(kv: KeyValueStore, clock: Clock): ForgeStore {
  return {
    getMany: (keys) => readMany(kv, keys),
    scan: (options) => kv.scan(options),
    async transact({ checks, ops, events = [] }) {
      const emitted = events.map((event) => eventOp(FORGE_NAMESPACE, { ...event, source: SOURCE }));
      const { ok } = await kv.transact({ checks: [...checks], ops: [...ops, ...emitted] });
      return { ok };
    },
    now: () => clock.now(),
    newId: async () => randomBytes(10).toString("hex"),
  };
}
