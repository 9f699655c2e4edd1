import { cp, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS } from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";
import { buildPlugin, compilePlugin } from "../src/compiler/index.js";
import { checkPluginInfo } from "../src/testing/index.js";
import { failure, handler, PluginFolder, request, runner, SAMPLER } from "./support.js";

const { blake3 } = createRequire(import.meta.url)("@napi-rs/blake-hash") as typeof import("@napi-rs/blake-hash");
const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

describe("a build", () => {
  test("gives the same bytes twice, and from another folder", async () => {
    const one = await compilePlugin(SAMPLER);
    const two = await compilePlugin(SAMPLER);
    expect(Buffer.compare(one.wasm, two.wasm)).toBe(0);
    const elsewhere = await mkdtemp(join(tmpdir(), "aspen-elsewhere-"));
    try {
      await cp(SAMPLER, join(elsewhere, "deep", "er"), { recursive: true });
      await symlink(NODE_MODULES, join(elsewhere, "node_modules"));
      const three = await compilePlugin(join(elsewhere, "deep", "er"));
      expect(Buffer.compare(one.wasm, three.wasm)).toBe(0);
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  test("writes plugin.wasm and plugin.json with its hash, and leaves no temporary file", async () => {
    await using folder = await PluginFolder.create(handler("return 1"), { entry: { wasm: "sample.wasm" } });
    const built = await buildPlugin({ directory: folder.path });
    expect((await readdir(join(folder.path, "dist"))).sort()).toEqual(["build.json", "plugin.json", "sample.wasm"]);
    const wasm = await readFile(built.wasmPath);
    expect(wasm).toHaveLength(built.bytes);
    const manifest = JSON.parse(await readFile(built.manifestPath, "utf8"));
    expect(manifest).toEqual(built.manifest);
    expect(manifest.wasm_hash).toBe(blake3(wasm).toString("hex"));
  });

  test("a failed build leaves the last good one", async () => {
    await using folder = await PluginFolder.create(handler("return 1"));
    await buildPlugin({ directory: folder.path });
    const before = await readFile(join(folder.path, "dist/plugin.wasm"));
    await folder.write("src/plugin.ts", "export default (");
    expect((await failure(buildPlugin({ directory: folder.path }))).code).toBe("BUILD_FAILED");
    expect(Buffer.compare(before, await readFile(join(folder.path, "dist/plugin.wasm")))).toBe(0);
  });

  test("includes files of its own and CommonJS packages", async () => {
    await using folder = await PluginFolder.create(
      `import { definePlugin } from "@aspen/guest-sdk";
       import { double } from "./double.js";
       import answer from "plain";
       import data from "./data.json";
       export default definePlugin({ handlers: { "sample.run": () => [double(2), answer.answer, data.n] } });`,
    );
    await folder.write("src/double.ts", "export const double = (n: number): number => n * 2;");
    await folder.write("src/data.json", '{"n": 7}');
    await folder.write("node_modules/plain/package.json", '{"name":"plain","main":"index.js"}');
    await folder.write("node_modules/plain/index.js", "module.exports = { answer: 42 };");
    expect(request(await runner(folder.path), "sample.run")).toEqual([4, 42, 7]);
  });
});

describe("a build that fails says where and why", () => {
  test.each<[string, string, RegExp]>([
    ["a syntax error", "import { definePlugin } from '@aspen/guest-sdk';\nconst = 1;\n", /src\/plugin\.ts:2:7: /],
    ["a missing file", "import './absent.js';\n", /src\/plugin\.ts:1:8: .*absent\.js/],
    ["a module of Node", "\nimport 'node:fs';\n", /src\/plugin\.ts:2:8: "node:fs" is a module of Node/],
    ["a module of Node without its prefix", "import 'child_process';\n", /"child_process" is a module of Node/],
    ["no default export", "export const x = 1;\n", /export default definePlugin/],
    ["a default export of another kind", "export default { handlers: {} };\n", /export default definePlugin/],
    [
      "a handler that is no function",
      "import { definePlugin } from '@aspen/guest-sdk';\nexport default definePlugin({ handlers: { 'a.b': 1 as never } });\n",
      /"a\.b" is not a function/,
    ],
  ])("%s", async (_what, source, message) => {
    await using folder = await PluginFolder.create(source);
    const error = await failure(compilePlugin(folder.path));
    expect(error.code).toBe("BUILD_FAILED");
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain(folder.path);
  });

  test("a top level that throws, with the TypeScript line", async () => {
    await using folder = await PluginFolder.create(
      "const port: number = 1;\nfunction boom(): never {\n  throw new RangeError('bad ' + port);\n}\nboom();\n",
    );
    const error = await failure(compilePlugin(folder.path));
    expect(error).toMatchObject({ code: "BUILD_FAILED", details: { stack: expect.any(String) } });
    expect(error.message).toContain("bad 1");
    expect(error.message).toMatch(/boom \(src\/plugin\.ts:3:\d+\)/);
    expect(error.message).toMatch(/src\/plugin\.ts:5:\d+/);
  });

  test("a top level that asks the host for something", async () => {
    await using folder = await PluginFolder.create(
      `import { clock, definePlugin } from "@aspen/guest-sdk";
       const started = clock.now();
       export default definePlugin({ handlers: { "sample.run": () => started } });`,
    );
    expect(await failure(compilePlugin(folder.path))).toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringMatching(/clock_now.*top level/),
    });
  });

  test("a top level that asks for secure random numbers, which are the host's", async () => {
    await using folder = await PluginFolder.create(`export const id = crypto.randomUUID();\n${handler("")}`);
    const error = await failure(compilePlugin(folder.path));
    expect(error.code).toBe("BUILD_FAILED");
    expect(error.message).toMatch(/random_bytes.*top level/);
    expect(error.message).not.toContain("permission");
  });

  test("a top level that drops the promise of a host call", async () => {
    await using folder = await PluginFolder.create(
      `import { definePlugin, kv } from "@aspen/guest-sdk";
       void kv.get("a").catch(() => undefined);
       export default definePlugin({ handlers: { "sample.run": () => 1 } });`,
    );
    expect(await failure(compilePlugin(folder.path))).toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringMatching(/kv_get.*top level/),
    });
  });

  test("a top level that never ends", async () => {
    await using folder = await PluginFolder.create("for (;;);");
    const error = await failure(compilePlugin(folder.path));
    expect(error).toMatchObject({ code: "BUILD_FAILED", details: { file: "src/plugin.ts", limitMs: 10_000 } });
    expect(error.message).toContain("src/plugin.ts: the plugin's top level ran longer than 10 s");
    expect(error.message).toMatch(/src\/plugin\.ts:1(:\d+)?/);
    expect(error.message).not.toContain("interrupted");
  });

  test("more memory than its limit", async () => {
    await using folder = await PluginFolder.create(
      `import { definePlugin } from "@aspen/guest-sdk";
       const big = Array.from({ length: 6 }, () => new Uint8Array(1024 * 1024).fill(1));
       export default definePlugin({ handlers: { "sample.run": () => big.length } });`,
      { memory_limit: LIMITS.memoryMin },
    );
    const error = await failure(compilePlugin(folder.path));
    expect(error).toMatchObject({ code: "BUILD_FAILED", message: expect.stringContaining("memory_limit") });
  });

  test("a plugin.json that is missing, no JSON, or against the schema", async () => {
    await using folder = await PluginFolder.create(handler(""));
    expect((await failure(compilePlugin(join(folder.path, "src")))).message).toContain("cannot be read");
    await folder.write("plugin.json", "{");
    expect(await failure(compilePlugin(folder.path))).toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringContaining("is not JSON"),
    });
    await folder.write("plugin.json", "{}");
    expect((await failure(compilePlugin(folder.path))).code).toBe("MANIFEST_INVALID");
  });
});

describe("checkPluginInfo", () => {
  test("agrees with a plugin that is as its plugin.json says", async () => {
    expect((await checkPluginInfo(SAMPLER)).problems).toEqual([]);
  });

  test("names handlers that plugin.json lacks, and those that it alone has", async () => {
    await using folder = await PluginFolder.create(handler(""), { handles: ["other.run"] });
    expect((await checkPluginInfo(folder.path)).problems).toEqual([
      expect.stringContaining('"sample.run"'),
      expect.stringContaining('"other.run"'),
    ]);
  });
});
