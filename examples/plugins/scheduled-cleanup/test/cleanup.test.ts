import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { checkPluginInfo } from "@aspen/guest-sdk/testing";
import { type AspenNode, createNode } from "@aspen/node";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const NATIVE = { "plugins-native": { plugins: [{ folder: FOLDER }] } };
/** More than one batch. */
const ITEMS = 450;

type Sweep = { tick: string; swept: number };

async function install(node: AspenNode): Promise<void> {
  const { manifest, wasm } = await compilePlugin(FOLDER);
  const content = { base64: Buffer.from(wasm).toString("base64") };
  await node.inject("plugin.install", { manifest, artifacts: [{ name: "plugin.wasm", content }] });
}

test("plugin_info is what plugin.json says", async () => {
  expect((await checkPluginInfo(FOLDER)).problems).toEqual([]);
});

test.each(["native", "wasm"])("%s: what is due is swept, once in the cluster for each tick", async (tier) => {
  await using store = new MemoryStore();
  const features = tier === "native" ? NATIVE : {};
  const config = { listen: { port: 0 }, logLevel: "silent" as const, features };
  await using node = await createNode({ store, config });
  if (tier === "wasm") await install(node);
  await using other = await createNode({ store, config });

  const put = (name: string, forMs: number) => node.inject("cleanup.put", { name, value: "1", forMs });
  await put("stays", 3_600_000);
  await Promise.all(Array.from({ length: ITEMS }, (_, n) => put(`goes-${n}`, 0)));
  while (((await other.inject("cleanup.items", {})) as string[]).length > 1) await delay(50);
  expect(await node.inject("cleanup.items", {})).toEqual(["stays"]);

  const sweeps = async () => (await node.inject("cleanup.sweeps", {})) as Sweep[];
  const total = (done: Sweep[]) => done.reduce((sum, { swept }) => sum + swept, 0);
  // Each is recorded after its work.
  while (total(await sweeps()) < ITEMS || (await sweeps()).length < 2) await delay(50);
  const done = await sweeps();
  expect(total(done)).toBe(ITEMS);
  expect(new Set(done.map(({ tick }) => tick)).size).toBe(done.length);
});
