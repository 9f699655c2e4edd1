import { blobHash } from "@aspen/storage";
import { expect, it } from "@jest/globals";
import { startNode, temporaryDirectory } from "./support.js";

it("params of this process that JSON cannot hold are refused, and nothing of them is kept", async () => {
  const directory = await temporaryDirectory();
  try {
    await using node = await startNode(directory.path);
    const circle: Record<string, unknown> = {};
    circle.circle = circle;
    const content = new Uint8Array();
    const manifest = { name: "a", version: "1.0.0", api_version: "1", handles: ["a.*"], wasm_hash: blobHash(content) };
    for (const none of [circle, { n: 1n }]) {
      for (const [method, params] of [
        ["node.info", none],
        ["kv.put", { key: "a", value: none }],
        ["kv.get", none],
        ["plugin.install", { manifest: none, artifacts: [] }],
        ["plugin.install", { manifest, artifacts: [{ name: "plugin.wasm", content: { base64: "" } }], config: none }],
      ] as const) {
        await expect(node.inject(method, params)).rejects.toMatchObject({
          code: expect.stringMatching(/^(INVALID_PARAMS|MANIFEST_INVALID)$/),
        });
      }
    }
    expect(await node.inject("plugin.list")).toMatchObject({ plugins: [] });
  } finally {
    await directory.remove();
  }
});
