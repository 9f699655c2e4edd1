import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { checkPluginInfo } from "@aspen/guest-sdk/testing";
import { type AspenNode, createNode } from "@aspen/node";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const NATIVE = { "plugins-native": { plugins: [{ folder: FOLDER }] } };
const CALLERS = 64;

async function install(node: AspenNode): Promise<void> {
  const { manifest, wasm } = await compilePlugin(FOLDER);
  const content = { base64: Buffer.from(wasm).toString("base64") };
  await node.inject("plugin.install", { manifest, artifacts: [{ name: "plugin.wasm", content }] });
}

test("plugin_info is what plugin.json says", async () => {
  expect((await checkPluginInfo(FOLDER)).problems).toEqual([]);
});

test.each(["native", "wasm"])("%s: 64 callers lose no update", async (tier) => {
  await using store = new MemoryStore();
  const features = tier === "native" ? NATIVE : {};
  await using node = await createNode({ store, config: { listen: { port: 0 }, logLevel: "silent", features } });
  if (tier === "wasm") await install(node);

  const add = (by: number) => node.inject("counter.add", { name: "visits", by }) as Promise<{ value: number }>;
  const values = await Promise.all(
    Array.from({ length: CALLERS }, async () => [(await add(1)).value, (await add(2)).value, (await add(-1)).value]),
  );
  expect(values).toHaveLength(CALLERS);
  expect(await node.inject("counter.get", { name: "visits" })).toEqual({ value: CALLERS * 2 });
  expect(await node.inject("counter.get", { name: "none" })).toEqual({ value: 0 });
  for (const params of [null, {}, { name: "A" }, { name: "visits", by: 0.5 }]) {
    await expect(node.inject("counter.add", params)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  }
  const full = node.inject("counter.add", { name: "visits", by: Number.MAX_SAFE_INTEGER });
  await expect(full).rejects.toMatchObject({ code: "COUNTER_FULL" });
});
