import { definePlugin, kv } from "@aspen/guest-sdk";

const COUNT = "__plugin:echo-plugin:count";

export default definePlugin({
  handlers: {
    "echo.say": async (params: unknown) => ({ said: params, count: await countCall() }),
  },
});

/** Adds one, also when several instances do so at once. */
async function countCall(): Promise<number> {
  for (;;) {
    const before = await kv.get(COUNT);
    const count = Number(before?.text() ?? 0) + 1;
    const swapped = await kv.cas(COUNT, before?.bytes ?? null, String(count));
    if (swapped.ok) return count;
  }
}
