import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { checkPluginInfo } from "@aspen/guest-sdk/testing";
import { EventLog } from "@aspen/layers";
import { type AspenNode, createNode } from "@aspen/node";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const NATIVE = { "plugins-native": { plugins: [{ folder: FOLDER }] } };
const CHANGES = 20;

type Line = { topic: string; subject: string; amount: number };

async function install(node: AspenNode): Promise<void> {
  const { manifest, wasm } = await compilePlugin(FOLDER);
  const content = { base64: Buffer.from(wasm).toString("base64") };
  await node.inject("plugin.install", { manifest, artifacts: [{ name: "plugin.wasm", content }] });
}

/** The audit log, as soon as it has so many lines. */
async function lines(node: AspenNode, count: number): Promise<Line[]> {
  for (;;) {
    const found = (await node.inject("ledger.audit", {})) as Line[];
    if (found.length >= count) return found;
    await delay(20);
  }
}

test("plugin_info is what plugin.json says", async () => {
  expect((await checkPluginInfo(FOLDER)).problems).toEqual([]);
});

test.each(["native", "wasm"])(
  "%s: every change is in the log once, in its order, and nothing of the log itself",
  async (tier) => {
    await using store = new MemoryStore();
    const features = tier === "native" ? NATIVE : {};
    const config = { listen: { port: 0 }, logLevel: "silent" as const, features };
    const put = (node: AspenNode, n: number) => node.inject("ledger.put", { name: `entry-${n}`, amount: n });
    {
      await using node = await createNode({ store, config });
      if (tier === "wasm") await install(node);
      for (let n = 0; n < CHANGES; n++) await put(node, n);
      await lines(node, 1);
    }
    // Another node goes on where the first one stopped.
    await using node = await createNode({ store, config });
    await put(node, CHANGES);
    const found = await lines(node, CHANGES + 1);
    expect(found.map(({ topic, subject, amount }) => [topic, subject, amount])).toEqual(
      Array.from({ length: CHANGES + 1 }, (_, n) => ["ledger.changed", `entry-${n}`, n]),
    );
    expect(await node.inject("plugin.deadEvents", { name: "audit-logger" })).toEqual({ events: [] });
    // One for each line, caused by the plugin, and none for those.
    const emitted = await new EventLog(store.kv).read("ledger:", { limit: 1000 });
    const audited = emitted.filter(({ topic }) => topic === "ledger.audited");
    expect(audited).toHaveLength(CHANGES + 1);
    expect(new Set(audited.map(({ chain }) => chain.join()))).toEqual(new Set(["plugin:audit-logger"]));
    expect(await lines(node, 0)).toHaveLength(CHANGES + 1);
  },
);
