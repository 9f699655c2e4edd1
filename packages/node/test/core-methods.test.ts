import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Dispatcher, HandlerRegistry, inProcessClient, toWire } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { jest } from "@jest/globals";
import fc from "fast-check";
import { kvHandler } from "../src/handlers/kv.js";
import { type AspenNode, createNode, resolveConfig } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await startNode(directory.path, { features: { jobs: {} } });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
const rpc = async (method: string, params: unknown = {}): Promise<any> =>
  (await http(node.url, `/rpc/${method}`, { body: JSON.stringify(params) })).body;

describe("kv.*", () => {
  it("has the shapes that others build on", async () => {
    expect(await rpc("kv.get", { key: "t:a" })).toBeNull();
    const { version } = await rpc("kv.put", { key: "t:a", value: "héllo" });
    expect(await rpc("kv.get", { key: "t:a" })).toEqual({ key: "t:a", value: "héllo", version });
    expect(await rpc("kv.put", { key: "t:b", value: { base64: "/wA=" } })).toEqual({ version: expect.any(Number) });
    expect(await rpc("kv.get", { key: "t:b" })).toMatchObject({ value: { base64: "/wA=" } });
    expect(await rpc("kv.put", { key: "t:c", value: { base64: "aGk=" } })).toEqual({ version: expect.any(Number) });
    expect(await rpc("kv.get", { key: "t:c" })).toMatchObject({ value: "hi" });

    const first = await rpc("kv.scan", { prefix: "t:", limit: 2 });
    expect(first).toEqual({
      entries: [
        { key: "t:a", value: "héllo", version: expect.any(Number) },
        { key: "t:b", value: { base64: "/wA=" }, version: expect.any(Number) },
      ],
      cursor: expect.any(String),
    });
    expect(await rpc("kv.scan", { prefix: "t:", after: first.cursor })).toMatchObject({
      entries: [{ key: "t:c" }],
      cursor: null,
    });
    expect((await rpc("kv.scan", { prefix: "t:", reverse: true, keysOnly: true })).entries[0]).toEqual({
      key: "t:c",
      version: expect.any(Number),
    });
    expect(await rpc("kv.delete", { key: "t:c" })).toEqual({ deleted: true });
    expect(await rpc("kv.delete", { key: "t:c" })).toEqual({ deleted: false });
  });

  it("compares and swaps; a conflict says the actual value", async () => {
    expect(await rpc("kv.cas", { key: "c:x", expected: null, value: "1" })).toEqual({ version: expect.any(Number) });
    expect(await rpc("kv.cas", { key: "c:x", expected: "0", value: "2" })).toMatchObject({
      error: { code: "KV_CONFLICT", details: { actual: { value: "1", version: expect.any(Number) } } },
    });
    expect(await rpc("kv.cas", { key: "c:x", expected: "1", value: null })).toEqual({ version: expect.any(Number) });
    expect(await rpc("kv.cas", { key: "c:x", expected: "1", value: "2" })).toMatchObject({
      error: { code: "KV_CONFLICT", details: { actual: null } },
    });
    expect(await rpc("kv.cas", { key: "c:x", value: "2" })).toMatchObject({
      error: { code: "INVALID_PARAMS", details: { field: "expected" } },
    });
  });

  it("appends under keys in the order of the calls", async () => {
    const first = await rpc("kv.append", { prefix: "log:a:", value: "1" });
    expect(first).toEqual({ key: expect.stringMatching(/^log:a:[0-9a-f]{16}-0000$/), version: expect.any(Number) });
    const second = await rpc("kv.append", { prefix: "log:a:", value: { base64: "/w==" }, ttlMs: 600_000 });
    expect((await rpc("kv.scan", { prefix: "log:a:" })).entries).toEqual([
      { ...first, value: "1" },
      { ...second, value: { base64: "/w==" } },
    ]);
    expect(await rpc("kv.append", { prefix: "no-namespace", value: "1" })).toMatchObject({
      error: { code: "INVALID_PARAMS", details: { field: "prefix" } },
    });
    expect(await rpc("kv.append", { prefix: "log:a:", value: "1", ttlMs: 0 })).toMatchObject({
      error: { code: "INVALID_PARAMS", details: { field: "ttlMs" } },
    });
    // Neither the node's own keys nor a prefix that could become one.
    for (const [prefix, code] of [
      ["__sys:", "PERMISSION_DENIED"],
      ["__sys", "INVALID_PARAMS"],
      ["", "INVALID_PARAMS"],
    ]) {
      expect(await rpc("kv.append", { prefix, value: "1" })).toMatchObject({ error: { code } });
    }
  });

  it("swaps for a time", async () => {
    const { version } = await rpc("kv.cas", { key: "c:ttl", expected: null, value: "1", ttlMs: 20 });
    expect(version).toEqual(expect.any(Number));
    const deadline = performance.now() + 30_000;
    while (await rpc("kv.get", { key: "c:ttl" })) expect(performance.now()).toBeLessThan(deadline);
    for (const ttlMs of [0, -1, 0.5, "5", null]) {
      expect(await rpc("kv.cas", { key: "c:ttl", expected: null, value: "1", ttlMs })).toMatchObject({
        error: { code: "INVALID_PARAMS", details: { field: "ttlMs" } },
      });
    }
    expect(await rpc("kv.cas", { key: "c:ttl", expected: null, value: null, ttlMs: 5 })).toMatchObject({
      error: { code: "INVALID_PARAMS", details: { field: "ttlMs" } },
    });
  });

  it("keeps any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array(),
          fc.string().map((text) => new TextEncoder().encode(text)),
        ),
        async (bytes) => {
          await node.inject("kv.put", { key: "p:x", value: toWire(bytes) });
          const entry = (await node.inject("kv.get", { key: "p:x" })) as { value: string | { base64: string } };
          const back =
            typeof entry.value === "string" ? Buffer.from(entry.value) : Buffer.from(entry.value.base64, "base64");
          expect(Buffer.compare(back, bytes)).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
    expect(toWire(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))).toBe("\uFEFFa");
  });

  it("refuses bad params by field, and the node's own keys", async () => {
    const bad: [string, unknown, string][] = [
      ["kv.get", {}, "key"],
      ["kv.get", { key: 1 }, "key"],
      ["kv.get", [], "(root)"],
      ["kv.put", { key: "a", value: 7 }, "value"],
      ["kv.put", { key: "a", value: { base64: "***" } }, "value.base64"],
      ["kv.put", { key: "a", value: "\ud800" }, "value"],
      ["kv.put", { key: "a", value: "x", ttlMs: -1 }, "ttlMs"],
      ["kv.put", { key: "a", value: "x", ttl: 1 }, "(root)"],
      ["kv.scan", { prefix: "a", limit: 10_001 }, "limit"],
    ];
    for (const [method, params, field] of bad) {
      expect([method, params, await rpc(method, params)]).toMatchObject([
        method,
        params,
        { error: { code: "INVALID_PARAMS", details: { field } } },
      ]);
    }
    expect(await rpc("kv.get", { key: "" })).toMatchObject({ error: { code: "KV_KEY_INVALID" } });
    expect(await rpc("kv.put", { key: "a", value: "x".repeat(1024 * 1024 + 1) })).toMatchObject({
      error: { code: "PAYLOAD_TOO_LARGE" },
    });
    const system: [string, object][] = [
      ["kv.get", {}],
      ["kv.put", { value: "x" }],
      ["kv.delete", {}],
      ["kv.cas", { expected: null, value: "x" }],
    ];
    const denied = { error: { code: "PERMISSION_DENIED" } };
    for (const own of ["__sys:", "__beats:", "__delivery:", "__timers:", "__jobs:", "__jobs-signal:", "__consul:"]) {
      for (const [method, params] of system) {
        expect([own, await rpc(method, { key: `${own}x`, ...params })]).toMatchObject([own, denied]);
      }
      expect(await rpc("kv.append", { prefix: own, value: "x" })).toMatchObject(denied);
      expect(await rpc("kv.scan", { prefix: own })).toMatchObject(denied);
      expect(await rpc("kv.scan", { prefix: `${own}x` })).toMatchObject(denied);
    }
    expect(await rpc("job.submit", { type: "nobody-runs-it", allowUnknown: true })).toHaveProperty("id");
    for (const prefix of ["", "__", "__jobs"]) {
      const { entries } = await rpc("kv.scan", { prefix, limit: 1000 });
      const keys: string[] = entries.map(({ key }: { key: string }) => key);
      expect(keys.filter((key) => /^__(sys|beats|jobs|jobs-signal):/.test(key))).toEqual([]);
    }
  });

  it("ends a page of large values early, with a cursor", async () => {
    const value = "v".repeat(1024 * 1024);
    for (let at = 10; at < 30; at++) await node.inject("kv.put", { key: `big:${at}`, value });
    expect((await rpc("kv.scan", { prefix: "big:", limit: 2 })).entries).toHaveLength(2);
    const sizes: number[] = [];
    let after: string | undefined;
    do {
      const page = await rpc("kv.scan", { prefix: "big:", limit: 10_000, after });
      sizes.push(page.entries.length);
      after = page.cursor ?? undefined;
    } while (after !== undefined);
    expect(sizes).toEqual([8, 8, 4]);
  });

  it("never reads more than a few large values at once for a page", async () => {
    await using store = new MemoryStore();
    for (let at = 0; at < 200; at++) await store.kv.put(`big:${at}`, new Uint8Array(1024 * 1024).fill(0x61));
    const scan = jest.spyOn(store.kv, "scan");
    const registry = new HandlerRegistry();
    registry.register((await kvHandler(store.kv).create())!);
    const client = inProcessClient(new Dispatcher({ registry }));
    const page = await client.call("kv.scan", { prefix: "", limit: 10_000 });
    expect(page.entries).toHaveLength(8);
    const pages = await Promise.all(scan.mock.results.map(({ value }) => value as ReturnType<typeof store.kv.scan>));
    const read = pages.reduce((sum, { entries }) => sum + entries.length, 0);
    expect(read).toBeLessThanOrEqual(64 + 8);
  });
});

describe("blob.*", () => {
  it("stores and gives back bytes by hash", async () => {
    const bytes = randomBytes(3_000_000);
    const put = await rpc("blob.put", { value: { base64: bytes.toString("base64") } });
    expect(put).toEqual({ hash: expect.stringMatching(/^[0-9a-f]{64}$/), size: bytes.length });
    const got = await rpc("blob.get", { hash: put.hash });
    expect(Buffer.from(got.value.base64, "base64").equals(bytes)).toBe(true);
    expect(await rpc("blob.has", { hash: put.hash })).toEqual({ has: true });
    const times = { createdAt: expect.any(Number), lastPutAt: expect.any(Number) };
    expect(await rpc("blob.stat", { hash: put.hash })).toEqual({ ...put, ...times });
    expect(await rpc("blob.stat", { hash: "0".repeat(64) })).toBeNull();
    expect(await rpc("blob.get", { hash: "0".repeat(64) })).toMatchObject({ error: { code: "BLOB_NOT_FOUND" } });
    expect(await rpc("blob.get", { hash: "nope" })).toMatchObject({ error: { code: "BLOB_HASH_INVALID" } });
  });

  it("collects what has no reference, and nothing else", async () => {
    const { hash: kept } = await rpc("blob.put", { value: "kept", reference: "mine" });
    const { hash: garbage } = await rpc("blob.put", { value: "garbage" });
    expect(await rpc("blob.addReference", { hash: kept, tag: "also" })).toEqual({ hash: kept, tag: "also" });
    expect(await rpc("blob.references", { hash: kept })).toEqual({ tags: ["also", "mine"] });
    expect(await rpc("blob.removeReference", { hash: kept, tag: "also" })).toEqual({ removed: true });
    expect(await rpc("blob.gc")).toEqual({ dryRun: false, blobs: 0, bytes: 0, leftovers: 0 });
    await delay(1050);
    expect(await rpc("blob.gc", { graceMs: 1000, dryRun: true })).toMatchObject({ dryRun: true });
    expect(await rpc("blob.has", { hash: garbage })).toEqual({ has: true });
    expect((await rpc("blob.gc", { graceMs: 1000 })).bytes).toBeGreaterThanOrEqual("garbage".length);
    expect(await rpc("blob.has", { hash: garbage })).toEqual({ has: false });
    expect(await rpc("blob.get", { hash: kept })).toMatchObject({ value: "kept" });
    expect(await rpc("blob.gc", { graceMs: 10 })).toMatchObject({ error: { code: "INVALID_PARAMS" } });
    expect(await rpc("blob.addReference", { hash: kept, tag: "" })).toMatchObject({
      error: { code: "INVALID_PARAMS" },
    });
  });
});

describe("node.info and rpc.describe", () => {
  it("say what the node is and has", async () => {
    expect(await rpc("node.info")).toMatchObject({
      id: node.id,
      apiVersions: ["1"],
      store: `embedded:${directory.path}`,
    });
    const { methods } = await rpc("rpc.describe");
    const get = methods.find(({ method }: { method: string }) => method === "kv.get");
    expect(get).toMatchObject({
      handler: "kv",
      priority: 100,
      summary: expect.any(String),
      params: { type: "object" },
    });
    const names = methods.map(({ method }: { method: string }) => method);
    expect(names).toEqual(expect.arrayContaining(["blob.put", "node.info", "rpc.describe"]));
  });
});

describe("a restart", () => {
  it("keeps the data", async () => {
    await rpc("kv.put", { key: "keep:me", value: "yes" });
    await node[Symbol.asyncDispose]();
    node = await startNode(directory.path);
    expect(await rpc("kv.get", { key: "keep:me" })).toMatchObject({ value: "yes" });
  });
});

describe("configuration", () => {
  it("names the field that is wrong", async () => {
    const bad: [object, string][] = [
      [{}, "dataDir"],
      [{ dataDir: "a", redisUrl: "redis://x" }, "dataDir"],
      [{ redisUrl: "http://x" }, "redisUrl"],
      [{ redisUrl: "redis://u:hunter2@a,b" }, "redisUrl"],
      [{ redisUrl: "redis+sentinel://u:hunter2@a" }, "redisUrl"],
      [{ dataDir: "a", listen: { host: "0.0.0.0" } }, "listen.host"],
      [{ dataDir: "a", listen: { host: "::" } }, "listen.host"],
      [{ dataDir: "a", listen: { host: "example.org" } }, "listen.host"],
      [{ dataDir: "a", listen: { port: 70_000 } }, "listen.port"],
      [{ dataDir: "a", logLevel: "loud" }, "logLevel"],
      [{ dataDir: "a", unknown: 1 }, "unknown"],
    ];
    for (const [config, field] of bad) {
      await expect(createNode({ config })).rejects.toMatchObject({ code: "CONFIG_INVALID", details: { field } });
    }
    await expect(createNode({ config: { dataDir: "a", listen: { host: "0.0.0.0" } } })).rejects.toThrow(
      /authentication is off/,
    );
    expect(await resolveConfig({ dataDir: "a" })).toMatchObject({ listen: { host: "127.0.0.1", port: 7070 } });
  });

  it("takes every form of a Redis address, and shows no password", async () => {
    const taken = [
      "redis://u:hunter2@h/1",
      "rediss://:hunter2@h",
      "redis+cluster://u:hunter2@a:1,b:2",
      "rediss+sentinel://u:hunter2@a,b/main/2?sentinelPassword=hunter2",
    ];
    for (const redisUrl of taken) expect(await resolveConfig({ redisUrl })).toMatchObject({ redisUrl });
    const refused = resolveConfig({ redisUrl: "redis://u:hunter2@h/x" });
    await expect(refused).rejects.toThrow(/redisUrl: must end in a database's number/);
    await expect(refused).rejects.not.toThrow(/hunter2/);
  });

  it("leaves nothing open when the port is taken or the store is away", async () => {
    const other = await temporaryDirectory();
    const port = Number(new URL(node.url).port);
    await expect(startNode(other.path, { listen: { port } })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      details: { field: "listen.port" },
    });
    const again = await startNode(other.path);
    await again[Symbol.asyncDispose]();
    await other.remove();
  });
});
