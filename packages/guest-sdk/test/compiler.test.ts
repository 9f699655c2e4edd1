import { cp, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS } from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";
import { buildPlugin, compilePlugin, isBuildCurrent } from "../src/compiler/index.js";
import { checkPluginInfo } from "../src/testing/index.js";
import { failure, handler, PluginFolder, request, runner, SAMPLER } from "./support.js";

const { blake3 } = createRequire(import.meta.url)("@napi-rs/blake-hash") as typeof import("@napi-rs/blake-hash");
const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

/** For a test of several builds, each some seconds on a busy machine. */
const MANY_BUILDS_MS = 300_000;

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

  test("gives the same bytes wherever the packages that it bundles are installed", async () => {
    const source = `import dep from "dep";\nimport { definePlugin } from "@aspen/guest-sdk";\nexport default definePlugin({ handlers: { "sample.run": () => dep } });`;
    const files = {
      "node_modules/dep/package.json": '{"name":"dep","main":"lib/index.js"}',
      "node_modules/dep/lib/index.js": "exports.inner = require('./inner.js').name;",
      "node_modules/dep/lib/inner.js":
        "exports.name = (() => { try { return require('fs'); } catch (e) { return e.message; } })();",
    };
    await using beside = await PluginFolder.create(source);
    for (const [name, content] of Object.entries(files)) await beside.write(name, content);
    await using above = await PluginFolder.create("");
    for (const [name, content] of Object.entries(files)) await above.write(name, content);
    await above.write("plugins/deep/er/plugin.json", await readFile(join(beside.path, "plugin.json"), "utf8"));
    await above.write("plugins/deep/er/src/plugin.ts", source);
    const one = await compilePlugin(beside.path);
    const two = await compilePlugin(join(above.path, "plugins/deep/er"));
    expect(Buffer.compare(one.wasm, two.wasm)).toBe(0);
    expect(Buffer.from(one.wasm).includes("node_modules/dep/lib/inner.js")).toBe(true);
  });

  test("does not mind byte-order marks", async () => {
    const mark = "\uFEFF";
    const imports = `import answer from "plain";\nimport data from "./data.json";\nimport text from "./text.txt";\nimport { mapped } from "@own/mapped";\n`;
    await using folder = await PluginFolder.create(mark + imports + handler("return [answer, data.n, text, mapped]"));
    await folder.write("plugin.json", mark + (await readFile(join(folder.path, "plugin.json"), "utf8")));
    await folder.write("tsconfig.json", `${mark}{"compilerOptions":{"paths":{"@own/*":["./own/*"]}}}`);
    await folder.write("own/mapped.ts", `${mark}export const mapped: number = 5;`);
    await folder.write("src/data.json", `${mark}{"n": 7}`);
    await folder.write("src/text.txt", `${mark}text`);
    await folder.write("node_modules/plain/package.json", `${mark}{"name":"plain","main":"index.js"}`);
    await folder.write("node_modules/plain/index.js", `${mark}#!/usr/bin/env node\nmodule.exports = 42;`);
    expect(request(await runner(folder.path), "sample.run")).toEqual([42, 7, "text", 5]);
    expect((await checkPluginInfo(folder.path)).problems).toEqual([]);
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

describe("what builds can be installed", () => {
  test("handlers that plugin.json does not name, and names without a handler, are refused as by an install", async () => {
    await using folder = await PluginFolder.create(handler(""), { handles: ["other.run"] });
    const error = await failure(buildPlugin({ directory: folder.path }));
    expect(error).toMatchObject({
      code: "MANIFEST_INVALID",
      message:
        'plugin sample disagrees with its plugin.json: handler "sample.run" is not covered by "handles" in plugin.json; "handles" names "other.run", for which the plugin has no handler',
      details: { problems: [expect.any(String), expect.any(String)] },
    });
    expect(await readdir(folder.path)).not.toContain("dist");
  });

  test.each([
    ["a reserved prefix", { kv_prefixes: ["__sys:"] }, "PLUGIN_PREFIX_CONFLICT"],
    ["a prefix without a separator", { kv_prefixes: ["sample"] }, "MANIFEST_INVALID"],
    ["a priority of the node's own", { priority: 100 }, "MANIFEST_INVALID"],
    ["an unknown permission", { permissions: ["kv:all"] }, "MANIFEST_INVALID"],
    ["another API version", { api_version: "2" }, "API_VERSION_UNSUPPORTED"],
  ])("%s is refused", async (_what, manifest, code) => {
    await using folder = await PluginFolder.create(handler(""), manifest);
    expect((await failure(buildPlugin({ directory: folder.path }))).code).toBe(code);
  });

  test("a permission that opens nothing is told", async () => {
    await using folder = await PluginFolder.create(handler(""), {
      permissions: ["kv:read", "hooks:subscribe", "http:a.example"],
    });
    const { warnings } = await buildPlugin({ directory: folder.path });
    expect(warnings).toEqual([expect.stringContaining("hooks:subscribe")]);
    expect((await compilePlugin(SAMPLER)).warnings).toEqual([]);
  });
});

/** What a change of one file makes of a build that is there. */
const CHANGES: [what: string, files: Record<string, string>][] = [
  ["a file of its own outside the folder of the entry", { "text.ts": "export const text = 'new';" }],
  ["a file behind a link", { "elsewhere/linked.ts": "export const linked = 'new';" }],
  ["a file of a package", { "node_modules/dep/index.js": "module.exports = 'new';" }],
  ["the entry of a package", { "node_modules/dep/package.json": '{"name":"dep","main":"other.js"}' }],
  ["plugin.json", { "plugin.json": "" }],
  ["tsconfig.json", { "tsconfig.json": '{"compilerOptions":{"paths":{"dep":["./text.ts"]}}}' }],
  ["what tsconfig.json extends", { "base.json": '{"compilerOptions":{"paths":{"dep":["./text.ts"]}}}' }],
  ["a new file that comes first", { "text.tsx": "export const text = 'new';" }],
  ["a new package that comes first", { "src/node_modules/dep/index.js": "module.exports = 'new';" }],
];

describe("isBuildCurrent", () => {
  async function built(): Promise<PluginFolder> {
    const folder = await PluginFolder.create(
      `import { text } from "../text";\nimport { linked } from "./linked";\nimport * as dep from "dep";\n${handler("return [text, linked, dep]")}`,
    );
    await folder.write("text.ts", "export const text = 'old';");
    await folder.write("elsewhere/linked.ts", "export const linked = 'old';");
    await symlink("../elsewhere/linked.ts", join(folder.path, "src/linked.ts"));
    await folder.write("tsconfig.json", '{"extends":"./base.json"}');
    await folder.write("base.json", "{}");
    await folder.write("node_modules/dep/package.json", '{"name":"dep","main":"index.js"}');
    await folder.write("node_modules/dep/index.js", "module.exports = 'old';");
    await folder.write("node_modules/dep/other.js", "module.exports = 'other';");
    await buildPlugin({ directory: folder.path });
    return folder;
  }

  test(
    "says yes until something that decides the outcome changes, whenever that was written",
    async () => {
      await using folder = await built();
      const current = () => isBuildCurrent({ directory: folder.path });
      expect(await current()).toBe(true);
      for (const [what, files] of CHANGES) {
        for (const [name, content] of Object.entries(files)) {
          const path = join(folder.path, name);
          const before = await readFile(path, "utf8").catch(() => null);
          await folder.write(name, content || before!.replace("1.0.0", "1.0.1"));
          // As an archive does that is unpacked.
          await utimes(path, 0, 0);
          expect([what, await current()]).toEqual([what, false]);
          if (before === null) await rm(path);
          else await folder.write(name, before);
        }
      }
      await folder.write("src/unused.ts", "export {};");
      expect(await current()).toBe(true);
    },
    MANY_BUILDS_MS,
  );

  test(
    "says no when a file of the build is missing, changed or of another build",
    async () => {
      await using folder = await built();
      const current = () => isBuildCurrent({ directory: folder.path });
      for (const name of ["plugin.wasm", "plugin.json", "build.json"]) {
        const path = join(folder.path, "dist", name);
        const before = await readFile(path);
        await rm(path);
        expect([name, await current()]).toEqual([name, false]);
        await writeFile(path, before.subarray(0, -1));
        expect([name, await current()]).toEqual([name, false]);
        await writeFile(path, before);
      }
      expect(await current()).toBe(true);
    },
    MANY_BUILDS_MS,
  );
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
