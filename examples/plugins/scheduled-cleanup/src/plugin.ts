import { AspenError, clock, definePlugin, kv, type TimerTick } from "@aspen/guest-sdk";

const ITEMS = "cleanup:item:";
/** By the time at which an item is due, so that a scan begins with what is due first. */
const DUE = "cleanup:due:";
const SWEEPS = "cleanup:sweeps:";
const NAME = /^[a-z0-9-]{1,64}$/;
/** Items of one transaction: each is two operations of the thousand that it may have. */
const BATCH = 400;
/** The record of a sweep goes by itself. */
const SWEEP_TTL_MS = 3_600_000;

export default definePlugin({
  handlers: {
    "cleanup.put": async (params: unknown) => {
      const { name, value, forMs } = itemOf(params);
      const due = DUE + String(clock.now() + forMs).padStart(16, "0");
      await kv.transact({
        ops: [
          { type: "put", key: ITEMS + name, value },
          { type: "put", key: `${due}:${name}`, value: name },
        ],
      });
      return { stored: name };
    },
    "cleanup.items": async () => {
      const { entries } = await kv.scan({ prefix: ITEMS });
      return entries.map(({ key }) => key.slice(ITEMS.length));
    },
    "cleanup.sweeps": async () => (await kv.scan({ prefix: SWEEPS })).entries.map((entry) => entry.json()),
  },

  async onTimer({ id, scheduledAt }: TimerTick) {
    const swept = await sweep(scheduledAt);
    await kv.append(SWEEPS, JSON.stringify({ tick: id, swept }), { ttlMs: SWEEP_TTL_MS });
  },
});

/** Drops what is due, and what said so, in one transaction for each batch; returns how many items. */
async function sweep(now: number): Promise<number> {
  let swept = 0;
  for (;;) {
    const { entries } = await kv.scan({ prefix: DUE, limit: BATCH });
    const due = entries.filter(({ key }) => Number(key.slice(DUE.length, DUE.length + 16)) <= now);
    if (due.length === 0) return swept;
    await kv.transact({
      ops: due.flatMap((entry) => [
        { type: "delete", key: ITEMS + entry.text() },
        { type: "delete", key: entry.key },
      ]),
    });
    swept += due.length;
  }
}

function itemOf(params: unknown): { name: string; value: string; forMs: number } {
  const { name, value = "", forMs } = (params ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || !NAME.test(name)) throw invalid("name must be 1 to 64 of a-z, 0-9 and -");
  if (typeof value !== "string") throw invalid("value must be text");
  if (typeof forMs !== "number" || !Number.isSafeInteger(forMs) || forMs < 0)
    throw invalid("forMs must be milliseconds");
  return { name, value, forMs };
}

function invalid(problem: string): AspenError {
  return new AspenError("INVALID_PARAMS", problem);
}
