import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LIMITS } from "@aspen/plugin-api";
import { RedisServer } from "@aspen/storage/testing";
import { aspen, type RunningNode, startNode } from "./support.js";

let directory: string;
let node: RunningNode;
let env: { ASPEN_NODE: string };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cli-plugin-test-"));
  node = await startNode(["--data-dir", join(directory, "data")]);
  env = { ASPEN_NODE: node.url };
});

afterAll(async () => {
  await node?.stop("SIGTERM");
  await rm(directory, { recursive: true, force: true });
});

const source = (answer: string) => `import { definePlugin, kv } from "@aspen/guest-sdk";
export default definePlugin({
  handlers: {
    "hello.say": async () => {
      await kv.put("__plugin:hello:asked", "yes");
      return ${JSON.stringify(answer)};
    },
  },
});
`;

/** A plugin's sources in a folder of their own. */
async function plugin(name: string, manifest: object = {}, code = source("one")): Promise<string> {
  const folder = join(directory, name);
  await mkdir(join(folder, "src"), { recursive: true });
  const full = { name: "hello", version: "1.0.0", api_version: "1", handles: ["hello.*"], permissions: ["kv:write"] };
  await writeFile(join(folder, "plugin.json"), JSON.stringify({ ...full, ...manifest }));
  await writeFile(join(folder, "src/plugin.ts"), code);
  return folder;
}

describe("aspen plugin", () => {
  it("builds, installs, lists, calls, replaces, disables and removes", async () => {
    const folder = await plugin("hello");
    const built = await aspen(["plugin", "build", folder]);
    expect(built).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^built hello 1\.0\.0: \d+ bytes in \d+ ms/),
    });
    const installed = await aspen(["plugin", "install", folder, "--yes"], { env });
    expect(installed).toMatchObject({ code: 0, stdout: "installed hello 1.0.0 (ready): hello.*\n" });
    expect(installed.stderr).toContain("kv:write");
    expect(installed.stderr).toContain("__plugin:hello:");
    expect(installed.stderr).toMatch(/64\.0 MiB of memory.*\n +30000 ms.*\n +1 instance at once/);
    expect((await aspen(["rpc", "call", "hello.say", "--json"], { env })).stdout).toBe('"one"\n');
    expect((await aspen(["kv", "get", "__plugin:hello:asked"], { env })).stdout).toBe("yes\n");
    expect((await aspen(["plugin", "list"], { env })).stdout).toMatch(/^NAME +VERSION +STATE.*\nhello +1\.0\.0 +ready/);
    expect(JSON.parse((await aspen(["plugin", "info", "hello", "--json"], { env })).stdout)).toMatchObject({
      name: "hello",
      state: "ready",
      permissions: ["kv:write"],
    });

    // Sources newer than the build are built again.
    await plugin("hello", { version: "1.1.0" }, source("two"));
    const soon = new Date(Date.now() + 5000);
    await utimes(join(folder, "src/plugin.ts"), soon, soon);
    expect(await aspen(["plugin", "install", folder, "--yes"], { env })).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/PLUGIN_NAME_TAKEN.*--update/s),
    });
    const updated = await aspen(["plugin", "install", folder, "--yes", "--update", "--json"], { env });
    expect(JSON.parse(updated.stdout)).toMatchObject({ version: "1.1.0", state: "ready" });
    expect((await aspen(["rpc", "call", "hello.say", "--json"], { env })).stdout).toBe('"two"\n');

    expect((await aspen(["plugin", "reload", "hello"], { env })).code).toBe(0);
    expect((await aspen(["plugin", "disable", "hello"], { env })).code).toBe(0);
    expect(await aspen(["rpc", "call", "hello.say"], { env })).toMatchObject({ code: 7 });
    expect((await aspen(["plugin", "enable", "hello"], { env })).code).toBe(0);
    expect((await aspen(["rpc", "call", "hello.say"], { env })).code).toBe(0);

    await node.stop("SIGKILL");
    node = await startNode(["--data-dir", join(directory, "data")]);
    env = { ASPEN_NODE: node.url };
    expect((await aspen(["rpc", "call", "hello.say", "--json"], { env })).stdout).toBe('"two"\n');

    expect(await aspen(["plugin", "remove", "hello"], { env })).toMatchObject({ code: 0 });
    expect(await aspen(["rpc", "call", "hello.say"], { env })).toMatchObject({ code: 4 });
    expect(await aspen(["plugin", "remove", "hello"], { env })).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/PLUGIN_NOT_FOUND/),
    });
  });

  it("shows what a plugin does by itself, its dead events, and its errors by their class", async () => {
    const code = `import { definePlugin, PluginError } from "@aspen/guest-sdk";
      export default definePlugin({
        handlers: { "busy.ask": (errorClass) => { throw new PluginError(errorClass, "BUSY_SAYS", "as asked"); } },
        onHookEvent() {},
        onTimer() {},
      });`;
    const folder = await plugin(
      "busy",
      {
        ...{ name: "busy", handles: ["busy.*"], permissions: ["timers", "hooks:subscribe"], kv_prefixes: ["busy:"] },
        timers: [{ name: "sweep", cron: "0 3 * * *" }],
        subscriptions: [{ topic: "busy.>" }],
        config_schema: { type: "object", properties: { mode: { enum: ["a", "b"] } }, additionalProperties: false },
      },
      code,
    );
    expect(await aspen(["plugin", "install", folder, "--yes", "--config", '{"mode":"c"}'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/CONFIG_INVALID.*config\.mode/),
    });
    const installed = await aspen(["plugin", "install", folder, "--yes", "--config", '{"mode":"b"}'], { env });
    expect(installed).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/sweep: 0 3 \* \* \* \(UTC\)\n.*\n +busy\.>/),
    });
    expect(JSON.parse((await aspen(["plugin", "info", "busy", "--json"], { env })).stdout)).toMatchObject({
      timers: [{ name: "sweep", cron: "0 3 * * *" }],
      subscriptions: [{ topic: "busy.>", recursive: false }],
    });
    for (const [errorClass, exit, http] of [
      ["not_found", 4, 404],
      ["conflict", 6, 409],
      ["exhausted", 7, 429],
    ] as const) {
      expect(await aspen(["rpc", "call", "busy.ask", JSON.stringify(errorClass)], { env })).toMatchObject({
        code: exit,
        stderr: expect.stringContaining("BUSY_SAYS"),
      });
      const answer = await fetch(`${node.url}/rpc/busy.ask`, { method: "POST", body: JSON.stringify(errorClass) });
      expect([answer.status, await answer.json()]).toMatchObject([
        http,
        { error: { code: "BUSY_SAYS", class: errorClass } },
      ]);
    }
    const said = async (...args: string[]) => (await aspen(["plugin", ...args], { env })).stdout;
    expect(await said("dead-events", "busy")).toBe("no dead events\n");
    expect(await said("redrive", "busy")).toBe("busy took 0 events, 0 failed, 0 are kept no more\n");
    expect(await said("purge", "busy", "--event", "x")).toBe("purged 0 dead events of busy\n");
    for (const verb of ["dead-events", "redrive", "purge"]) {
      expect(await aspen(["plugin", verb, "nobody"], { env })).toMatchObject({ code: 4 });
    }
    expect((await aspen(["plugin", "remove", "busy"], { env })).code).toBe(0);
  });

  it("installs a built folder without sources, and a wasm file", async () => {
    const folder = await plugin("built");
    await aspen(["plugin", "build", folder]);
    const alone = join(directory, "alone");
    await cp(join(folder, "dist"), alone, { recursive: true });
    expect((await aspen(["plugin", "install", alone, "--yes"], { env })).code).toBe(0);
    expect((await aspen(["plugin", "remove", "hello"], { env })).code).toBe(0);
    expect((await aspen(["plugin", "install", join(alone, "plugin.wasm"), "-y"], { env })).code).toBe(0);
    expect((await aspen(["plugin", "remove", "hello"], { env })).code).toBe(0);
  });

  it("moves with its store from a directory to Redis and back", async () => {
    await using redis = await RedisServer.start();
    const folder = await plugin("moving");
    const move = async (from: string[], to: string[], file: string) => {
      expect(await aspen(["store", "export", join(directory, file), ...from])).toMatchObject({ code: 0 });
      expect(await aspen(["store", "import", join(directory, file), ...to])).toMatchObject({ code: 0 });
      expect(await aspen(["store", "verify", ...to])).toMatchObject({ code: 0 });
    };
    const answers = async (where: string[], install: boolean) => {
      const own = await startNode(where);
      const to = { env: { ASPEN_NODE: own.url } };
      if (install) expect((await aspen(["plugin", "install", folder, "--yes"], to)).code).toBe(0);
      expect((await aspen(["rpc", "call", "hello.say", "--json"], to)).stdout).toBe('"one"\n');
      expect((await aspen(["kv", "get", "__plugin:hello:asked", "--raw"], to)).stdout).toBe("yes");
      expect(await own.stop("SIGTERM")).toBe(0);
    };
    const first = ["--data-dir", join(directory, "first")];
    const second = ["--redis", redis.url];
    const third = ["--data-dir", join(directory, "third")];
    await answers(first, true);
    await move(first, second, "one.export");
    await answers(second, false);
    await move(second, third, "two.export");
    await answers(third, false);
  });

  it("refuses to build what no node installs", async () => {
    const big = `const big = new Uint8Array(${LIMITS.wasmBytes + 1}).fill(7);
import { definePlugin } from "@aspen/guest-sdk";
export default definePlugin({ handlers: { "hello.say": async () => big[0] } });
`;
    const folder = await plugin("too-big", {}, big);
    const built = await aspen(["plugin", "build", folder]);
    expect(built).toMatchObject({ code: 2, stdout: "" });
    expect(built.stderr).toMatch(
      new RegExp(`^error BUILD_FAILED: plugin hello becomes \\d{8} bytes .* ${LIMITS.wasmBytes};`),
    );
    await expect(readFile(join(folder, "dist/plugin.wasm"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("grants otherwise than plugin.json asks, shows it, and keeps it through updates", async () => {
    const folder = await plugin("granted", { max_instances: 4 });
    const flags = ["--kv-prefixes", "__plugin:hello:", "--priority", "910", "--memory-limit", "32MiB"];
    const limits = ["--timeout-ms", "2500", "--max-instances", "2"];
    const installed = await aspen(["plugin", "install", folder, "--yes", ...flags, ...limits], { env });
    expect(installed).toMatchObject({ code: 0 });
    for (const line of [
      "32.0 MiB of memory for each instance, instead of 64.0 MiB",
      "2500 ms for each call, instead of 30000 ms",
      "2 instances at once on each node, instead of 4 instances",
      "priority 910, instead of priority 950",
    ]) {
      expect(installed.stderr).toContain(line);
    }
    const info = async () => JSON.parse((await aspen(["plugin", "info", "hello", "--json"], { env })).stdout);
    const overrides = {
      kv_prefixes: ["__plugin:hello:"],
      priority: 910,
      memory_limit: 32 * 1024 ** 2,
      execution_timeout_ms: 2500,
      max_instances: 2,
    };
    expect(await info()).toMatchObject({ overrides, priority: 910, memoryLimit: 32 * 1024 ** 2, tier: "wasm" });
    const update = ["plugin", "install", folder, "--yes", "--update"];
    const updated = await aspen([...update, "--priority", "920"], { env });
    expect(updated.stderr).toMatch(/2500 ms for each call, instead of 30000 ms.*priority 920/s);
    expect(await info()).toMatchObject({ overrides: { ...overrides, priority: 920 }, executionTimeoutMs: 2500 });
    expect(await aspen(["rpc", "call", "hello.say", "--json"], { env })).toMatchObject({ stdout: '"one"\n' });
    const reset = await aspen([...update, "--json", "--reset-overrides", "--max-instances", "1"], { env });
    expect(JSON.parse(reset.stdout)).toMatchObject({ overrides: { max_instances: 1 }, priority: 950, maxInstances: 1 });
    expect((await info()).overrides).toEqual({ max_instances: 1 });
    expect((await aspen(["plugin", "remove", "hello"], { env })).code).toBe(0);

    const refused: [flags: string[], code: number, message: RegExp][] = [
      [["--memory-limit", "1KiB"], 2, /size from 2\.0 MiB to 1\.0 GiB/],
      [["--memory-limit", "much"], 2, /such as 64MiB/],
      [["--priority", "500"], 2, /900 to 999/],
      [["--kv-prefixes", "forge:"], 6, /PLUGIN_PREFIX_CONFLICT.*forge:/],
      [["--kv-prefixes", "orders"], 2, /overrides\.kv_prefixes.*separator/],
      [["--reset-overrides"], 2, /--update/],
    ];
    for (const [bad, code, message] of refused) {
      const ran = await aspen(["plugin", "install", folder, "--yes", ...bad], { env });
      expect([bad, ran.code, ran.stderr]).toEqual([bad, code, expect.stringMatching(message)]);
    }
    const help = await aspen(["plugin", "install", "--help"]);
    expect(help.stdout).toMatch(/--memory-limit <size>.*Example:.*--memory-limit 32MiB/s);
  });

  it("grants nothing without being asked to", async () => {
    const folder = await plugin("ask");
    const refused = await aspen(["plugin", "install", folder], { env });
    expect(refused).toMatchObject({ code: 3, stdout: "", stderr: expect.stringMatching(/--yes/) });
    expect(refused.stderr).toContain("kv:write");
    expect((await aspen(["plugin", "list", "--json"], { env })).stdout).not.toContain("hello");
  });

  it("refuses bad input with a code and a sentence, and leaves nothing installed", async () => {
    const broken = await plugin("broken-json");
    await writeFile(join(broken, "plugin.json"), "{");
    const noWasm = await plugin("no-wasm");
    await aspen(["plugin", "build", noWasm]);
    const built = JSON.parse(await readFile(join(noWasm, "dist/plugin.json"), "utf8"));
    const bare = async (name: string, wasm: Uint8Array, change: object = {}) => {
      const folder = join(directory, name);
      await mkdir(folder);
      await writeFile(join(folder, "plugin.wasm"), wasm);
      await writeFile(join(folder, "plugin.json"), JSON.stringify({ ...built, ...change }));
      return folder;
    };
    const good = await readFile(join(noWasm, "dist/plugin.wasm"));
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const withoutHash = { wasm_hash: undefined };
    const cases: [path: string, code: number, message: RegExp][] = [
      [join(directory, "absent"), 2, /does not exist/],
      [join(directory, "data"), 2, /plugin\.json/],
      [broken, 2, /not JSON/],
      [
        await plugin("source", { entry: { source: "src/plugn.ts" } }),
        2,
        /MANIFEST_INVALID.*src\/plugn\.ts \(entry\.source/,
      ],
      [await plugin("field", { execution_timeout_ms: 0 }), 2, /MANIFEST_INVALID.*execution_timeout_ms/],
      [await plugin("api", { api_version: "2" }), 2, /API_VERSION_UNSUPPORTED.*2.*1/],
      [await plugin("range", { priority: 100 }), 2, /MANIFEST_INVALID.*priority.*900/],
      [await plugin("reserved", { kv_prefixes: ["__service:"] }), 6, /PLUGIN_PREFIX_CONFLICT.*__service:/],
      [await plugin("syntax", {}, "export default ("), 2, /BUILD_FAILED.*src\/plugin\.ts:1/],
      [await bare("text", Buffer.from("text"), withoutHash), 2, /WASM_INVALID/],
      [await bare("exports", empty, withoutHash), 2, /WASM_INVALID.*plugin_info/],
      [await bare("hash", empty), 2, /WASM_HASH_MISMATCH/],
      [await bare("large", new Uint8Array(LIMITS.wasmBytes + 1)), 2, /PAYLOAD_TOO_LARGE/],
      [await bare("other", good, { name: "other" }), 2, /MANIFEST_INVALID.*"hello"/],
    ];
    for (const [path, code, message] of cases) {
      const ran = await aspen(["plugin", "install", path, "--yes"], { env });
      expect([path, ran.code, ran.stdout, ran.stderr]).toEqual([path, code, "", expect.stringMatching(message)]);
    }
    expect(JSON.parse((await aspen(["plugin", "list", "--json"], { env })).stdout)).toEqual({
      safeMode: false,
      // What the node brings itself, and nothing else.
      plugins: [expect.objectContaining({ name: "service-registry", official: "service-registry" })],
      unreadable: [],
    });
  });
});
