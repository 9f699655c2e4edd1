import { AspenError, definePlugin, type HookEvent, kv } from "@aspen/guest-sdk";

const ENTRIES = "ledger:entry:";
const AUDIT = "ledger:audit:";
const NAME = /^[a-z0-9-]{1,64}$/;

interface Change {
  name: string;
  amount: number;
}

export default definePlugin({
  handlers: {
    "ledger.put": async (params: unknown) => {
      const { name, amount } = changeOf(params);
      // The change and its event are one: there is no entry that the audit log does not hear of.
      const result = await kv.transact({
        ops: [{ type: "put", key: ENTRIES + name, value: String(amount) }],
        events: [{ topic: "ledger.changed", subject: name, data: { name, amount } }],
      });
      return { event: result.ok ? result.emitted[0] : null };
    },
    "ledger.audit": async () => {
      const { entries } = await kv.scan({ prefix: AUDIT });
      return entries.map((entry) => entry.json());
    },
  },

  async onHookEvent(event: HookEvent<Change>) {
    // An event may come twice. Its id makes the second time a no-op.
    const key = AUDIT + event.id.slice(event.id.lastIndexOf(":") + 1);
    const line = { topic: event.topic, subject: event.subject, at: event.time, ...event.data };
    await kv.transact({
      checks: [{ key, value: null }],
      ops: [{ type: "put", key, value: JSON.stringify(line) }],
      // Also a topic that the subscription names. The plugin is not told of it: it came of an event.
      events: [{ topic: "ledger.audited", subject: event.id }],
    });
  },
});

function changeOf(params: unknown): Change {
  const { name, amount } = (params ?? {}) as Partial<Record<keyof Change, unknown>>;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new AspenError("INVALID_PARAMS", "name must be 1 to 64 of a-z, 0-9 and -");
  }
  if (typeof amount !== "number") throw new AspenError("INVALID_PARAMS", "amount must be a number");
  return { name, amount };
}
