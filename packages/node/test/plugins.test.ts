import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { LIMITS } from "@aspen/plugin-api";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { AspenNode } from "../src/index.js";
import { createNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

type Compiled = Awaited<ReturnType<typeof compilePlugin>>;

const compile = (name: string) => compilePlugin(fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url)));
const wire = ({ manifest, wasm }: { manifest: unknown; wasm: Uint8Array }) => ({
  manifest,
  artifacts: [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }],
});

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
async function rpc(node: AspenNode, method: string, params: unknown = {}): Promise<{ status: number; body: any }> {
  const { status, body } = await http(node.url, `/rpc/${method}`, { body: JSON.stringify(params) });
  return { status, body };
}

let counter: Compiled;
let rogue: Compiled;
beforeAll(async () => {
  [counter, rogue] = await Promise.all([compile("counter"), compile("rogue")]);
});

describe("a plugin on a node", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let node: AspenNode;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    node = await startNode(directory.path);
    expect(await rpc(node, "plugin.install", wire(counter))).toMatchObject({ status: 200, body: { state: "ready" } });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await directory.remove();
  });

  test("is called, listed, described; its data is in its own namespace", async () => {
    expect(await rpc(node, "counter.add", { by: 2 })).toEqual({ status: 200, body: { count: 2, release: "one" } });
    expect((await rpc(node, "kv.get", { key: "__plugin:counter:n" })).body).toMatchObject({ value: "2" });
    expect((await rpc(node, "plugin.list")).body).toMatchObject({
      plugins: [{ name: "counter", state: "ready", version: "1.0.0" }],
      unreadable: [],
    });
    const described = (await rpc(node, "rpc.describe")).body;
    expect(JSON.stringify(described)).toContain("counter.*");
  });

  test("is there again with its data after a restart", async () => {
    const before = (await rpc(node, "counter.add", { by: 1 })).body.count;
    await node[Symbol.asyncDispose]();
    node = await startNode(directory.path);
    expect((await rpc(node, "counter.add", { by: 1 })).body.count).toBe(before + 1);
  });

  test("is replaced under load without a lost call", async () => {
    let running = true;
    let calls = 0;
    const failures: unknown[] = [];
    const load = Array.from({ length: 4 }, async () => {
      while (running) {
        const { status, body } = await rpc(node, "counter.add", { by: 1 });
        if (status !== 200) failures.push(body);
        calls += 1;
      }
    });
    for (const release of ["two", "three", "one"]) {
      const config = { release };
      expect(await rpc(node, "plugin.update", { ...wire(counter), config })).toMatchObject({ status: 200 });
      expect((await rpc(node, "counter.add", { by: 0 })).body.release).toBe(release);
      expect(await rpc(node, "plugin.reload", { name: "counter" })).toMatchObject({ status: 200 });
    }
    running = false;
    await Promise.all(load);
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(10);
  });

  test("each misdeed of another gives its caller one code, while this one under load loses no call", async () => {
    expect((await rpc(node, "plugin.install", wire(rogue))).status).toBe(200);
    let running = true;
    let calls = 0;
    const load = (async () => {
      while (running) {
        expect((await rpc(node, "counter.add", { by: 1 })).status).toBe(200);
        calls += 1;
      }
    })();
    const expected: Record<string, [status: number, code: string]> = {
      loop: [504, "PLUGIN_TIMEOUT"],
      allocate: [500, "PLUGIN_OUT_OF_MEMORY"],
      recurse: [500, "PLUGIN_TRAP"],
      throw: [500, "PLUGIN_TRAP"],
      garbage: [502, "PLUGIN_INVALID_RESPONSE"],
      write: [403, "KV_NAMESPACE_DENIED"],
      scan: [403, "KV_NAMESPACE_DENIED"],
      blob: [403, "PERMISSION_DENIED"],
      unknown: [404, "METHOD_NOT_FOUND"],
    };
    for (const [method, [status, code]] of Object.entries(expected)) {
      const answer = await rpc(node, `rogue.${method}`);
      expect([method, answer.status, answer.body.error.code]).toEqual([method, status, code]);
      expect(answer.body.error.message.length).toBeGreaterThan(10);
      expect(await rpc(node, "rogue.fine")).toEqual({ status: 200, body: "fine" });
    }
    const denied = (await rpc(node, "rogue.write")).body.error;
    expect(denied.message).toContain("counter:stolen");
    expect(denied.message).toContain("__plugin:rogue:");
    running = false;
    await load;
    expect(calls).toBeGreaterThan(10);
    expect((await rpc(node, "plugin.remove", { name: "rogue" })).body).toEqual({ removed: "rogue" });
    expect((await rpc(node, "rogue.fine")).body.error.code).toBe("METHOD_NOT_FOUND");
  });

  describe("an installation that cannot be", () => {
    const refused: [what: string, change: () => object, status: number, code: string, message: RegExp][] = [
      ["no manifest", () => ({ manifest: null }), 422, "MANIFEST_INVALID", /object/],
      ["a broken field", () => manifest({ max_instances: 0 }), 422, "MANIFEST_INVALID", /max_instances/],
      ["an unknown field", () => manifest({ colour: "red" }), 422, "MANIFEST_INVALID", /colour/],
      ["a priority out of range", () => manifest({ priority: 1000 }), 422, "MANIFEST_INVALID", /priority.*999/],
      ["another api_version", () => manifest({ api_version: "9" }), 422, "API_VERSION_UNSUPPORTED", /9.*1/],
      ["a name already taken", () => ({}), 409, "PLUGIN_NAME_TAKEN", /counter.*1\.0\.0/],
      ["a reserved prefix", () => manifest({ kv_prefixes: ["forge:"] }), 409, "PLUGIN_PREFIX_CONFLICT", /forge:/],
      [
        "an overlapping prefix",
        () => manifest({ kv_prefixes: ["__plugin:counter:deep:"] }),
        409,
        "PLUGIN_PREFIX_CONFLICT",
        /counter/,
      ],
      ["another hash", () => manifest({ wasm_hash: "ab".repeat(32) }), 422, "WASM_HASH_MISMATCH", /abab/],
      ["no wasm", () => wasm(Buffer.from("text")), 422, "WASM_INVALID", /not.*wasm|magic/i],
      ["an empty file", () => wasm(Buffer.alloc(0)), 422, "WASM_INVALID", /./],
      [
        "wasm without the exports",
        () => wasm(Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])),
        422,
        "WASM_INVALID",
        /plugin_info/,
      ],
      ["wasm over the limit", () => wasm(Buffer.alloc(LIMITS.wasmBytes + 1)), 413, "PAYLOAD_TOO_LARGE", /bytes/],
      ["bytes that are not base64", () => content({ base64: "%%" }), 400, "INVALID_PARAMS", /artifacts/],
      ["no code", () => ({ artifacts: [] }), 400, "INVALID_PARAMS", /plugin\.wasm/],
      ["other files", () => content("", "other.wasm"), 400, "INVALID_PARAMS", /other\.wasm.*plugin\.wasm/],
      [
        "a native plugin",
        () => manifest({ entry: { kind: "native", module: "plugin.js" }, wasm_hash: undefined }),
        403,
        "PLUGIN_TIER_REFUSED",
        /configuration/,
      ],
      [
        "a tier that the node lacks",
        () => manifest({ entry: { kind: "ipc", command: "bin/x" }, wasm_hash: undefined }),
        501,
        "PLUGIN_TIER_UNAVAILABLE",
        /ipc.*plugins-ipc/,
      ],
      [
        "an override out of range",
        () => ({ ...manifest({}), overrides: { priority: 500 } }),
        400,
        "INVALID_PARAMS",
        /overrides\.priority/,
      ],
      [
        "an override that nobody knows",
        () => ({ ...manifest({}), overrides: { permissions: [] } }),
        400,
        "INVALID_PARAMS",
        /permissions/,
      ],
      [
        "an override with a reserved prefix",
        () => ({ ...manifest({}), overrides: { kv_prefixes: ["forge:"] } }),
        409,
        "PLUGIN_PREFIX_CONFLICT",
        /forge:/,
      ],
      ["another plugin's wasm", () => manifest({ handles: ["other.*"] }), 422, "MANIFEST_INVALID", /other\.\*/],
    ];
    const content = (content: unknown, name = "plugin.wasm") => ({ artifacts: [{ name, content }] });
    const manifest = (change: object) => ({ manifest: { ...counter.manifest, name: "fresh", ...change } });
    const wasm = (bytes: Buffer) => ({
      ...manifest({ wasm_hash: undefined }),
      ...content({ base64: bytes.toString("base64") }),
    });

    test.each(refused)("for %s is refused, and nothing is left of it", async (_what, change, status, code, message) => {
      const before = (await rpc(node, "kv.scan", { prefix: "" })).body;
      const answer = await rpc(node, "plugin.install", { ...wire(counter), ...change() });
      expect(answer).toMatchObject({ status, body: { error: { code, message: expect.stringMatching(message) } } });
      expect((await rpc(node, "kv.scan", { prefix: "" })).body).toEqual(before);
      expect((await rpc(node, "plugin.list")).body.plugins).toHaveLength(1);
      expect((await rpc(node, "counter.add", { by: 0 })).status).toBe(200);
    });
  });
});

describe("two nodes on one Redis", () => {
  test("what is installed, replaced or removed on one is so on the other within 2 s", async () => {
    await using redis = await RedisServer.start();
    const config = { redisUrl: redis.url, listen: { port: 0 }, logLevel: "silent" } as const;
    await using one = await createNode({ config });
    await using two = await createNode({ config });
    const within2s = async (check: () => Promise<boolean>) => {
      const deadline = Date.now() + 2000;
      while (!(await check())) if (Date.now() > deadline) return false;
      return true;
    };
    await rpc(one, "plugin.install", wire(counter));
    expect(await within2s(async () => (await rpc(two, "counter.add", { by: 1 })).status === 200)).toBe(true);
    expect((await rpc(one, "counter.add", { by: 1 })).body.count).toBe(2);
    await rpc(two, "plugin.update", { ...wire(counter), config: { release: "two" } });
    const release = async () => (await rpc(one, "counter.add", { by: 0 })).body.release;
    expect(await within2s(async () => (await release()) === "two")).toBe(true);
    await rpc(one, "plugin.disable", { name: "counter" });
    const code = async () => (await rpc(two, "counter.add", { by: 0 })).body.error?.code;
    expect(await within2s(async () => (await code()) === "PLUGIN_UNAVAILABLE")).toBe(true);
    await rpc(two, "plugin.remove", { name: "counter" });
    const gone = async () => (await rpc(one, "counter.add", { by: 0 })).body.error?.code === "METHOD_NOT_FOUND";
    expect(await within2s(gone)).toBe(true);
  });
});

test("in safe mode a node starts no plugin; they can be looked at, enabled, disabled and removed", async () => {
  const directory = await temporaryDirectory();
  const install = {
    ...wire(counter),
    manifest: { ...counter.manifest, permissions: ["kv:read", "kv:write", "hooks:subscribe"] },
  };
  {
    await using node = await startNode(directory.path);
    const installed = await rpc(node, "plugin.install", install);
    expect(installed).toMatchObject({
      status: 200,
      body: { state: "ready", warnings: [expect.stringMatching(/permission hooks:subscribe allows nothing/)] },
    });
    expect((await rpc(node, "plugin.list")).body.safeMode).toBe(false);
  }
  {
    await using node = await startNode(directory.path, { safeMode: true });
    expect((await rpc(node, "node.info")).body).toMatchObject({ safeMode: true });
    expect((await rpc(node, "plugin.list")).body).toMatchObject({
      safeMode: true,
      plugins: [
        { name: "counter", state: "stopped", enabled: true, error: { message: expect.stringMatching(/safe mode/) } },
      ],
    });
    const refused = { status: 503, body: { error: { code: "PLUGIN_UNAVAILABLE", message: /safe mode/ } } };
    for (const [method, params] of [
      ["counter.add", { by: 1 }],
      ["plugin.reload", { name: "counter" }],
      ["plugin.update", install],
      ["plugin.install", { ...install, manifest: { ...counter.manifest, name: "another" } }],
    ] as const) {
      const { status, body } = await rpc(node, method, params);
      expect([method, status, body.error.code]).toEqual([method, refused.status, refused.body.error.code]);
      expect(body.error.message).toMatch(refused.body.error.message);
    }
    expect((await rpc(node, "plugin.disable", { name: "counter" })).body).toMatchObject({
      enabled: false,
      state: "stopped",
    });
    expect((await rpc(node, "plugin.enable", { name: "counter" })).body).toMatchObject({
      enabled: true,
      state: "stopped",
    });
    expect((await rpc(node, "plugin.info", { name: "counter" })).body).toMatchObject({
      enabled: true,
      state: "stopped",
    });
  }
  {
    await using node = await startNode(directory.path);
    expect(await rpc(node, "counter.add", { by: 1 })).toMatchObject({ status: 200 });
  }
  {
    await using node = await startNode(directory.path, { safeMode: true });
    expect((await rpc(node, "plugin.remove", { name: "counter" })).body).toEqual({ removed: "counter" });
    expect((await rpc(node, "plugin.list")).body.plugins).toEqual([]);
  }
  await directory.remove();
});

test("with the feature off a node knows nothing of plugins", async () => {
  const directory = await temporaryDirectory();
  const node = await startNode(directory.path, { features: { "plugins-wasm": false } });
  expect((await rpc(node, "plugin.list")).body.error.code).toBe("METHOD_NOT_FOUND");
  await node[Symbol.asyncDispose]();
  await directory.remove();
});
