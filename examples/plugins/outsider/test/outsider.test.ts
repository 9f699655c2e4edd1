import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { checkPluginInfo } from "@aspen/guest-sdk/testing";
import { type AspenNode, createNode } from "@aspen/node";
import { afterAll, beforeAll, expect, test } from "@jest/globals";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
let dataDir: string;
let node: AspenNode;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "outsider-"));
  node = await createNode({ config: { dataDir, listen: { port: 0 }, logLevel: "silent" } });
  const { manifest, wasm } = await compilePlugin(FOLDER);
  await node.inject("plugin.install", {
    manifest,
    artifacts: [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }],
  });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

test("plugin_info is what plugin.json says", async () => {
  expect((await checkPluginInfo(FOLDER)).problems).toEqual([]);
});

test.each([
  ["write", { key: "somebody:else" }, "KV_NAMESPACE_DENIED"],
  ["scan", {}, "KV_NAMESPACE_DENIED"],
  ["store", {}, "PERMISSION_DENIED"],
  ["loop", {}, "PLUGIN_TIMEOUT"],
  ["allocate", {}, "PLUGIN_OUT_OF_MEMORY"],
])("outsider.%s is stopped, and the next call is answered", async (method, params, code) => {
  await expect(node.inject(`outsider.${method}`, params)).rejects.toMatchObject({ code });
  await expect(node.inject("outsider.behave")).resolves.toBe("in my own namespace");
});
