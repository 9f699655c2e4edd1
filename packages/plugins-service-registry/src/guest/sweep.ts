import { clock, kv } from "@aspen/guest-sdk";
import { DUE, dueKey, instanceKey, ledgerKey } from "../records/keys.js";
import { event, forgotten, ledgerText, lessOne } from "./register.js";
import { change } from "./registry-state.js";

/** Instances that one look takes at most; the rest is for the next. */
const MOST = 1000;
const PAGE = 200;

/**
 * Tells of what has expired. The store has dropped it by itself, so nobody depends on this but for the event. Each instance
 * is looked at once in its time to live, whatever the number of services.
 */
export async function sweep(): Promise<void> {
  const now = clock.now();
  let looked = 0;
  let after: string | undefined;
  do {
    const page = await kv.scan({ prefix: DUE, keysOnly: true, limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { key } of page.entries) {
      const [at = "", service = "", id = ""] = key.slice(DUE.length).split("/");
      if (Number(at) > now || looked++ >= MOST) return;
      await settle(key, service, id, now);
    }
    after = page.cursor;
  } while (after !== undefined);
}

function settle(key: string, service: string, id: string, now: number): Promise<void> {
  return change<void>(service, id, ({ service: before, instance, ledger, sameInstance, unchanged }) => {
    const result = undefined;
    // Left behind by a registration that another has replaced.
    if (!ledger || ledger.due === null || dueKey(ledger.due, service, id) !== key) {
      return { result, ops: [{ type: "delete", key }] };
    }
    if (instance) {
      const due = now + (instance.ttlMs ?? 0);
      return {
        result,
        ops: [
          { type: "delete", key },
          { type: "put", key: dueKey(due, service, id), value: "" },
          { type: "put", key: ledgerKey(service, id), value: ledgerText(instance, due) },
        ],
      };
    }
    return {
      result,
      checks: [unchanged, sameInstance],
      ops: [
        ...forgotten(service, id, ledger),
        { type: "delete", key: ledgerKey(service, id) },
        { type: "delete", key: instanceKey(service, id) },
        lessOne(service, before),
      ],
      events: [event("expired", { service, id, fencingToken: ledger.fencingToken })],
    };
  });
}
