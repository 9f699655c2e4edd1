import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { buildPlugin, compilePlugin } from "../src/compiler/index.js";
import { failure, handler, PluginFolder, request, runner } from "./support.js";

const GIB = 1024 ** 3;

/** Makes something at a path that is no ordinary source. */
const MAKERS: Record<string, (path: string) => Promise<unknown> | undefined> = {
  "a named pipe": async (path) => execFileSync("mkfifo", [path]),
  "a link to an endless device": (path) => symlink("/dev/zero", path),
  "a socket": (path) =>
    new Promise((resolve) => {
      const server = createServer();
      servers.push(server);
      server.listen(path, () => resolve(undefined));
    }),
  "a file of 1 GiB": async (path) => {
    await writeFile(path, "");
    await truncate(path, GIB);
  },
};

let servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  servers = [];
});

const REFUSED =
  /is not a regular file; a build reads no other kind|has more than \d+ bytes, which is the most that a build reads/;

describe("a build reads regular files of a bounded size, whatever it meets", () => {
  for (const [what, make] of Object.entries(MAKERS)) {
    test(`${what} as what is imported`, async () => {
      await using folder = await PluginFolder.create(`import "./odd.js";\n${handler("")}`);
      await make(join(folder.path, "src/odd.js"));
      const error = await failure(compilePlugin(folder.path));
      expect(error.code).toBe("BUILD_FAILED");
      expect(error.message).toMatch(REFUSED);
      expect(error.message).toContain("src/plugin.ts:1:8: ");
    });

    test(`${what} as the entry`, async () => {
      await using folder = await PluginFolder.create("");
      await rm(join(folder.path, "src/plugin.ts"));
      await make(join(folder.path, "src/plugin.ts"));
      expect(await failure(compilePlugin(folder.path))).toMatchObject({
        code: "BUILD_FAILED",
        message: expect.stringMatching(REFUSED),
      });
    });

    test(`${what} as plugin.json, and as the package.json and tsconfig.json that are looked at`, async () => {
      for (const name of ["plugin.json", "package.json", "tsconfig.json", "node_modules/dep/package.json"]) {
        await using folder = await PluginFolder.create(`import "dep";\n${handler("")}`);
        await mkdir(join(folder.path, "node_modules/dep"), { recursive: true });
        await rm(join(folder.path, name), { force: true });
        await make(join(folder.path, name));
        const error = await failure(compilePlugin(folder.path));
        expect([name, error.code, error.message]).toEqual([name, "BUILD_FAILED", expect.stringMatching(REFUSED)]);
      }
    });
  }

  test("a folder, and links that lead in a circle", async () => {
    await using folder = await PluginFolder.create(`import "./folder.js";\nimport "./circle.js";\n${handler("")}`);
    await mkdir(join(folder.path, "src/folder.js"));
    await symlink("circle.js", join(folder.path, "src/circle.js"));
    const error = await failure(compilePlugin(folder.path));
    expect(error.code).toBe("BUILD_FAILED");
    expect(error.message).toMatch(/src\/plugin\.ts:1:8: .*folder\.js.*src\/plugin\.ts:2:8: .*circle\.js/);
  });

  test("a package that contains itself through links is one package", async () => {
    await using folder = await PluginFolder.create(handler("return dep;").replace(/^/, 'import dep from "dep";\n'));
    await folder.write("node_modules/dep/package.json", '{"name":"dep","main":"index.js"}');
    await folder.write("node_modules/dep/index.js", "exports.self = require('dep') === module.exports; exports.n = 1;");
    await symlink("..", join(folder.path, "node_modules/dep/node_modules"));
    await symlink(".", join(folder.path, "src/again"));
    expect(request(await runner(folder.path), "sample.run")).toEqual({ self: true, n: 1 });
  });

  test("many sources that are too large together", async () => {
    const names = Array.from({ length: 3 }, (_, at) => `part${at}.txt`);
    const imports = names.map((name) => `import ${name.slice(0, -4)} from "./${name}";`).join("\n");
    await using folder = await PluginFolder.create(`${imports}\n${handler("return part0 + part1 + part2")}`);
    for (const name of names) await folder.write(`src/${name}`, "x".repeat(15 * 1024 * 1024));
    expect(await failure(compilePlugin(folder.path))).toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringContaining("more than 33554432 bytes together"),
    });
  });
});

const DEEP: [string, (depth: number) => string][] = [
  ["template literals", (depth) => `${"`${".repeat(depth)}1${"}`".repeat(depth)}`],
  ["arrays", (depth) => "[".repeat(depth) + "]".repeat(depth)],
  ["functions", (depth) => `${"() => ".repeat(depth)}1`],
  ["calls", (depth) => "f(".repeat(depth) + ")".repeat(depth)],
];

describe("what nests too deeply", () => {
  test.each(DEEP)("%s: a sentence that says so", async (_what, nested) => {
    await using folder = await PluginFolder.create(
      `const f = (x) => x;\nexport const deep = ${nested(4000)};\nglobalThis.deep = deep;\n${handler("")}`,
    );
    const error = await failure(compilePlugin(folder.path));
    expect(error.code).toBe("BUILD_FAILED");
    expect(error.message).toMatch(/nests too deeply/);
  });

  test("and so deeply that the bundler ends, after which the next build works", async () => {
    await using folder = await PluginFolder.create(`globalThis.deep = ${DEEP[0]![1](500_000)};\n${handler("")}`);
    const error = await failure(compilePlugin(folder.path));
    expect(error.code).toBe("BUILD_FAILED");
    expect(error.message).toMatch(/the bundler ended; a source nests too deeply/);
    await folder.write("src/plugin.ts", handler("return 1"));
    expect(request(await runner(folder.path), "sample.run")).toBe(1);
  });

  test("a hundred levels are nothing special", async () => {
    const imports = DEEP.map(([, nested], at) => `const d${at} = ${nested(100)};`).join("\n");
    await using folder = await PluginFolder.create(
      `const f = (x) => x;\n${imports}\n${handler("return [d0, typeof d3]")}`,
    );
    expect(request(await runner(folder.path), "sample.run")).toEqual(["1", "undefined"]);
  });
});

describe("a top level", () => {
  test.each([
    ["allocates without end", "const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1));"],
    ["keeps strings without end", "const all = []; for (;;) all.push('x'.repeat(1e6) + all.length);"],
    ["asks for all at once", "new Uint8Array(1 << 30).fill(1);"],
    ["fills a map", "const map = new Map(); for (let at = 0; ; at++) map.set(at, 'value ' + at);"],
  ])("that %s ends with its memory_limit", async (_what, code) => {
    await using folder = await PluginFolder.create(`${code}\n${handler("")}`, { memory_limit: 4 * 1024 * 1024 });
    const error = await failure(compilePlugin(folder.path));
    expect(error.code).toBe("BUILD_FAILED");
    expect(error.message).toMatch(/needs more than its memory_limit of 4194304 bytes/);
  });

  test("that catches the want of memory goes on", async () => {
    await using folder = await PluginFolder.create(
      `let full = false; try { new Uint8Array(1 << 30).fill(1); } catch { full = true; }\n${handler("return full")}`,
    );
    expect(request(await runner(folder.path), "sample.run")).toBe(true);
  });

  test("that loops where the engine cannot stop it is stopped from outside", async () => {
    await using folder = await PluginFolder.create(
      `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);\n${handler("")}`,
    );
    expect(await failure(compilePlugin(folder.path))).toMatchObject({
      code: "BUILD_FAILED",
      details: { file: "src/plugin.ts", limitMs: 10_000 },
    });
  });

  test("that queues jobs without end is stopped", async () => {
    await using folder = await PluginFolder.create(`const next = () => queueMicrotask(next);\nnext();\n${handler("")}`);
    expect(await failure(compilePlugin(folder.path))).toMatchObject({
      code: "BUILD_FAILED",
      details: { file: "src/plugin.ts", limitMs: 10_000 },
    });
  });
});

/** Process ids of what a process started, and of what those started. */
function descendants(pid: number): number[] {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]);
  const below = (parent: number): number[] =>
    pairs.filter(([, ppid]) => ppid === parent).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a build as a whole", () => {
  test("ends with the process that asked for it", async () => {
    await using folder = await PluginFolder.create(
      `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);\n${handler("")}`,
    );
    const script = `import { compilePlugin } from "@aspen/guest-sdk/compiler"; await compilePlugin(${JSON.stringify(folder.path)});`;
    const asking = spawn(process.execPath, ["--input-type=module", "-e", script], {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stdio: "ignore",
    });
    const exited = once(asking, "exit");
    let building: number[] = [];
    while (building.length === 0) {
      await setTimeout(50);
      expect(asking.exitCode).toBeNull();
      building = descendants(asking.pid!);
    }
    // So that it is in the middle of it, wherever that is.
    await setTimeout(1000);
    building = descendants(asking.pid!);
    asking.kill("SIGKILL");
    await exited;
    while (building.some(isAlive)) await setTimeout(50);
  });

  test("has a time limit, and leaves nothing behind", async () => {
    await using folder = await PluginFolder.create(`for (;;);\n${handler("")}`);
    const error = await failure(buildPlugin({ directory: folder.path, timeoutMs: 50 }));
    expect(error).toMatchObject({ code: "BUILD_FAILED", details: { limitMs: 50 } });
    expect(error.message).toContain("took longer than 0.05 s and was stopped");
    expect((await readdir(folder.path)).sort()).toEqual(["plugin.json", "src"]);
  });

  test("ends when it is aborted", async () => {
    await using folder = await PluginFolder.create(`for (;;);\n${handler("")}`);
    const reason = new Error("no longer wanted");
    const controller = new AbortController();
    const build = compilePlugin(folder.path, { signal: controller.signal });
    controller.abort(reason);
    await expect(build).rejects.toBe(reason);
    await expect(compilePlugin(folder.path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("that cannot write says where, and leaves no temporary file", async () => {
    await using folder = await PluginFolder.create(handler("return 1"));
    await mkdir(join(folder.path, "dist/plugin.wasm/full"), { recursive: true });
    const error = await failure(buildPlugin({ directory: folder.path }));
    expect(error).toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringContaining("dist/plugin.wasm cannot be written"),
    });
    expect(await readdir(join(folder.path, "dist"))).toEqual(["plugin.wasm"]);
    await folder.write("file", "");
    expect(await failure(buildPlugin({ directory: folder.path, outDirectory: "file/out" }))).toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringContaining("cannot be written"),
    });
  });

  test("writes to a folder in its output, and over none of its own files", async () => {
    await using folder = await PluginFolder.create(handler("return 1"), { entry: { wasm: "bin/code.wasm" } });
    const { wasmPath } = await buildPlugin({ directory: folder.path });
    expect(wasmPath).toBe(join(folder.path, "dist/bin/code.wasm"));
    for (const wasm of ["plugin.json", "./build.json"]) {
      await using other = await PluginFolder.create(handler("return 1"), { entry: { wasm } });
      expect(await failure(buildPlugin({ directory: other.path }))).toMatchObject({
        code: "BUILD_FAILED",
        message: expect.stringContaining("entry.wasm"),
      });
    }
  });
});
