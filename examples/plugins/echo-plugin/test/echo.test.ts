import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { checkPluginInfo } from "@aspen/guest-sdk/testing";
import { type AspenNode, createNode } from "@aspen/node";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));

/** What a node is told to run the plugin in its own process. */
const NATIVE = { "plugins-native": { plugins: [{ folder: FOLDER }] } };

/** What `aspen plugin install` does: the plugin is compiled, and runs in the sandbox. */
async function install(node: AspenNode): Promise<void> {
  const { manifest, wasm } = await compilePlugin(FOLDER);
  const content = { base64: Buffer.from(wasm).toString("base64") };
  await node.inject("plugin.install", { manifest, artifacts: [{ name: "plugin.wasm", content }] });
}

test("plugin_info is what plugin.json says", async () => {
  expect((await checkPluginInfo(FOLDER)).problems).toEqual([]);
});

test.each(["native", "wasm"])("%s: echo.say answers what it got and counts its calls", async (tier) => {
  await using store = new MemoryStore();
  const features = tier === "native" ? NATIVE : {};
  await using node = await createNode({ store, config: { listen: { port: 0 }, logLevel: "silent", features } });
  if (tier === "wasm") await install(node);

  // A call that comes before the plugin has started waits for it.
  expect(await node.inject("echo.say", { text: "hi" })).toEqual({ said: { text: "hi" }, count: 1 });
  expect(await node.inject("plugin.info", { name: "echo-plugin" })).toMatchObject({ tier, state: "ready" });
  // Calls that come at once are each counted.
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => node.inject("echo.say", i)));
  const counts = answers.map((answer) => (answer as { count: number }).count);
  expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
  expect(await node.inject("kv.get", { key: "__plugin:echo-plugin:count" })).toMatchObject({ value: "21" });
});
