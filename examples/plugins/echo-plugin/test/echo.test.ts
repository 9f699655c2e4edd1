import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { checkPluginInfo } from "@aspen/guest-sdk/testing";
import { createNode } from "@aspen/node";
import { expect, test } from "@jest/globals";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));

test("plugin_info is what plugin.json says", async () => {
  expect((await checkPluginInfo(FOLDER)).problems).toEqual([]);
});

test("echo.say answers what it got and counts its calls, also when they come at once", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "echo-plugin-"));
  const node = await createNode({ config: { dataDir, listen: { port: 0 }, logLevel: "silent" } });
  try {
    const { manifest, wasm } = await compilePlugin(FOLDER);
    await node.inject("plugin.install", {
      manifest,
      artifacts: [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }],
    });
    expect(await node.inject("echo.say", { text: "hi" })).toEqual({ said: { text: "hi" }, count: 1 });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => node.inject("echo.say", i)));
    const counts = answers.map((answer) => (answer as { count: number }).count);
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
    expect(await node.inject("kv.get", { key: "__plugin:echo-plugin:count" })).toMatchObject({ value: "21" });
  } finally {
    await node[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true });
  }
});
