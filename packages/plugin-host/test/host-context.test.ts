import { setTimeout as delay } from "node:timers/promises";
import {
  AspenError,
  decodeEnvelope,
  decodeUtf8,
  encodeEnvelope,
  encodeUtf8,
  HOST_FUNCTIONS,
  LIMITS,
  type PluginManifestInput,
  parseManifest,
  RESULT_ERROR,
  RESULT_NOT_FOUND,
  RESULT_OK,
} from "@aspen/plugin-api";
import { MIN_GRACE_MS } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { guardCall, type ServedFunction } from "../src/host-context/guard.js";
import { stringArg } from "../src/host-context/parameters.js";
import { type DeniedEvent, grantOf, LocalHostContext, PluginHostContext } from "../src/index.js";

const ALL = ["kv:read", "kv:write", "blob:read", "blob:write", "randomness"];

function setUp(change: Partial<PluginManifestInput> = {}) {
  const manifest = parseManifest({
    name: "p",
    version: "1.0.0",
    api_version: "1",
    handles: ["p.*"],
    kv_prefixes: ["mine:"],
    permissions: ALL,
    ...change,
  });
  const store = new MemoryStore();
  const denied: DeniedEvent[] = [];
  const logs: { level: string; message: string; fields?: Record<string, unknown> }[] = [];
  const services = {
    kv: store.kv,
    blobs: store.blobs,
    logger: {
      log: (level: string, message: string, fields?: Record<string, unknown>) =>
        void logs.push({ level, message, ...(fields ? { fields } : {}) }),
    },
    onDenied: (event: DeniedEvent) => void denied.push(event),
  };
  const host = new PluginHostContext(manifest, services, { color: "red" });
  const local = new LocalHostContext({ grant: grantOf(manifest), config: {}, reader: null, clock: null });
  return { store, host, local, denied, logs };
}

const text = (value: string) => encodeUtf8(value);
const json = (value: unknown) => encodeUtf8(JSON.stringify(value));
const errorOf = (result: Uint8Array) => {
  expect(result[0]).toBe(RESULT_ERROR);
  return JSON.parse(decodeUtf8(result.subarray(1))) as { code: string; message: string; details?: unknown };
};
const okOf = (result: Uint8Array) => {
  if (result[0] === RESULT_ERROR) throw new Error(decodeUtf8(result.subarray(1)));
  expect(result[0]).toBe(RESULT_OK);
  return result.subarray(1);
};

/** Well-formed parameters of every host function that names a key, with that key in the place. */
const keyed: Record<string, (key: string) => (Uint8Array | null)[]> = {
  kv_get: (key) => [text(key)],
  kv_get_many: (key) => [json(["mine:ok", key])],
  kv_put: (key) => [text(key), text("v"), json({})],
  kv_delete: (key) => [text(key)],
  kv_scan: (prefix) => [json({ prefix })],
  kv_cas: (key) => [text(key), null, text("v")],
  kv_transact: (key) => [
    encodeEnvelope({
      checks: [],
      ops: [
        { op: "delete", key: "mine:ok" },
        { op: "delete", key },
      ],
    }),
  ],
};

describe("the gate", () => {
  test.each(HOST_FUNCTIONS.filter(({ permission }) => typeof permission === "string"))(
    "$name needs $permission, whatever its parameters",
    async ({ name, permission }) => {
      const { host, denied } = setUp({ permissions: ALL.filter((other) => other !== permission) });
      expect(errorOf(await host.invoke(name, []))).toMatchObject({
        code: "PERMISSION_DENIED",
        details: { plugin: "p", hostFunction: name, permission },
      });
      expect(denied).toEqual([
        { plugin: "p", hostFunction: name, code: "PERMISSION_DENIED", target: permission, count: 1 },
      ]);
    },
  );

  test.each(["jobs_submit", "jobs_get", "jobs_cancel"])("%s needs the permission of its job type", async (name) => {
    const { host, denied } = setUp({ permissions: ["kv:read", "jobs:submit:mail.*"] });
    const permission = "jobs:submit:post";
    expect(errorOf(await host.invoke(name, [text("post")]))).toMatchObject({
      code: "PERMISSION_DENIED",
      details: { plugin: "p", hostFunction: name, permission },
    });
    expect(denied).toEqual([
      { plugin: "p", hostFunction: name, code: "PERMISSION_DENIED", target: permission, count: 1 },
    ]);
    // A name that is none, and one that is missing, are no types.
    for (const args of [[], [text("mail.*")], [text("x".repeat(129))]]) {
      expect(errorOf(await host.invoke(name, args))).toMatchObject({ code: "INVALID_PARAMS" });
    }
  });

  test("asks for the permission that the arguments of a call name, before it reads any further", async () => {
    const { host } = setUp({ permissions: ["rpc:call:forge.*"] });
    const prepared: string[] = [];
    const served: ServedFunction = {
      spec: {
        name: "rpc_call",
        parameters: [
          { name: "method", kind: "string" },
          { name: "params", kind: "json" },
        ],
        result: "json",
        permission: { family: "rpc:call:", argument: "method", of: (args) => stringArg(args, 0, "method") },
        effect: "write",
        atBuild: "fails",
        since: "1",
        summary: "Calls another method.",
      },
      implementation: {
        prepare: (_scope, args) => prepared.push(stringArg(args, 0, "method")),
        run: async () => "null",
      },
    };
    const denied: DeniedEvent[] = [];
    const call = (method: string) =>
      guardCall(host, served, [text(method), json(null)], (event) => void denied.push(event));
    expect(call("forge.repo.create").spec).toBe(served.spec);
    expect(prepared).toEqual(["forge.repo.create"]);
    const codeOf = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return AspenError.from(error);
      }
      return null;
    };
    expect(codeOf(() => call("kv.get"))).toMatchObject({
      code: "PERMISSION_DENIED",
      message: expect.stringContaining("lacks the permission rpc:call:kv.get"),
    });
    // Not even with a parameter that is over every limit is there more than the denial.
    expect(codeOf(() => guardCall(host, served, [text("kv.get"), new Uint8Array(LIMITS.messageBytes)]))?.code).toBe(
      "PERMISSION_DENIED",
    );
    for (const name of ["forge.*", "", "forge", "*", "\u0000"]) expect(codeOf(() => call(name))).not.toBeNull();
    expect(codeOf(() => guardCall(host, served, [Uint8Array.of(255)]))?.code).toBe("INVALID_PARAMS");
    expect(prepared).toEqual(["forge.repo.create"]);
    expect(denied.map(({ code, target }) => `${code} ${target}`)).toEqual([
      "PERMISSION_DENIED rpc:call:kv.get",
      "PERMISSION_DENIED rpc:call:forge",
    ]);
  });

  test.each(Object.keys(keyed))("%s refuses what lies outside the prefixes", async (name) => {
    const { host, denied, store } = setUp();
    for (const key of ["other:1", "mine", "", "__sys:plugin:p", "__plugin:p:1"]) {
      expect(errorOf(await host.invoke(name, keyed[name]!(key)))).toMatchObject({
        code: "KV_NAMESPACE_DENIED",
        message: expect.stringContaining("mine:"),
      });
    }
    expect(denied).toHaveLength(5);
    expect((await store.kv.scan({ prefix: "" })).entries).toEqual([]);
  });

  test("a plugin reads the event log of its namespace, and cannot write there", async () => {
    const { host, store, denied } = setUp({ kv_prefixes: ["mine:", "__plugin:p:", "part:of/"] });
    const event = "mine:__events:0000000000000001-0000";
    await store.kv.put(event, text("event"));
    const keys = [event, "mine:__events:", "mine:__events-trimmed", "mine:__events", "__plugin:p:__events:1"];
    const transact = (op: object) =>
      encodeEnvelope({ ops: [{ op: "put", key: "mine:a", valueLength: 1 }, op] }, [text("aa")]);
    const writes = (key: string): [name: string, args: (Uint8Array | null)[]][] => [
      ["kv_put", [text(key), text("forged"), json({})]],
      ["kv_put", [text(key), text("forged"), json({ ttlMs: 1 })]],
      ["kv_delete", [text(key)]],
      ["kv_cas", [text(key), null, text("forged")]],
      ["kv_cas", [text(key), text("event"), null]],
      ["kv_transact", [transact({ op: "put", key, valueLength: 1 })]],
      ["kv_transact", [transact({ op: "delete", key })]],
      ["kv_transact", [transact({ op: "append", prefix: key, valueLength: 1 })]],
    ];
    let refused = 0;
    for (const key of keys) {
      for (const [name, args] of writes(key)) {
        expect([name, key, errorOf(await host.invoke(name, args))]).toMatchObject([
          name,
          key,
          { code: "KV_NAMESPACE_DENIED", message: expect.stringContaining("event log") },
        ]);
        refused += 1;
      }
    }
    expect(denied.reduce((sum, { count }) => sum + count, 0)).toBe(refused);
    expect((await store.kv.scan({ prefix: "" })).entries.map(({ key }) => key)).toEqual([event]);
    okOf(await host.invoke("kv_get", [text(event)]));
    const page = decodeEnvelope(okOf(await host.invoke("kv_scan", [json({ prefix: "mine:__events:" })])));
    expect(page.header).toMatchObject({ entries: [[event, expect.any(Number), 5]] });
    // Those that only look alike are the plugin's.
    for (const key of ["mine:a:__events:1", "mine:__event", "part:of/__events:1"]) {
      okOf(await host.invoke("kv_put", [text(key), text("own"), json({})]));
    }
  });

  test("refuses unknown functions and parameters over the limit", async () => {
    const { host } = setUp();
    expect(errorOf(await host.invoke("kv_drop", []))).toMatchObject({ code: "INVALID_PARAMS" });
    expect(errorOf(await host.invoke("toString", []))).toMatchObject({ code: "INVALID_PARAMS" });
    const big = new Uint8Array(LIMITS.messageBytes);
    expect(errorOf(await host.invoke("kv_put", [text("mine:1"), big, json({})]))).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
    });
  });

  test("any parameters get a tagged answer and touch nothing outside the prefixes", async () => {
    const names = HOST_FUNCTIONS.map(({ name }) => name);
    const anyBytes = fc.oneof(
      fc.constant(null),
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map(text),
      fc.tuple(fc.json(), fc.uint8Array({ maxLength: 16 })).map(([header, tail]) => {
        return encodeEnvelope(JSON.parse(header), [tail]);
      }),
      fc
        .record({
          checks: fc.array(fc.record({ key: fc.string(), valueLength: fc.integer(), version: fc.double() })),
          ops: fc.array(
            fc.record({ op: fc.constantFrom("put", "delete"), key: fc.string(), valueLength: fc.integer() }),
          ),
        })
        .map((header) => encodeEnvelope(header, [])),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.array(anyBytes, { maxLength: 4 }), async (name, args) => {
        const { host, local, store } = setUp();
        const result = await host.invoke(name, args);
        expect([RESULT_OK, RESULT_NOT_FOUND, RESULT_ERROR]).toContain(result[0]);
        expect(["INTERNAL"]).not.toContain(result[0] === RESULT_ERROR ? errorOf(result).code : "");
        const answered = local.invoke(name, args);
        if (answered) expect([RESULT_OK, RESULT_NOT_FOUND, RESULT_ERROR]).toContain(answered[0]);
        // What the node keeps for the plugin does not depend on what it says.
        const kept = /^(mine:|__timers:p\/|__sys:signing-secret$)/;
        for (const { key } of (await store.kv.scan({ prefix: "" })).entries) expect(key).toMatch(kept);
      }),
      { numRuns: 500 },
    );
  });
});

describe("host functions", () => {
  test("store, read, compare, transact and scan", async () => {
    const { host } = setUp();
    expect((await host.invoke("kv_get", [text("mine:1")]))[0]).toBe(RESULT_NOT_FOUND);
    okOf(await host.invoke("kv_put", [text("mine:1"), text("one"), json({})]));
    const entry = okOf(await host.invoke("kv_get", [text("mine:1")]));
    expect(decodeUtf8(entry.subarray(8))).toBe("one");
    const refused = decodeEnvelope(okOf(await host.invoke("kv_cas", [text("mine:1"), null, text("two")])));
    expect(refused.header).toMatchObject({ ok: false, actual: [expect.any(Number), 3] });
    expect(decodeUtf8(refused.attachments)).toBe("one");
    const transaction = {
      checks: [{ key: "mine:1", valueLength: 3 }],
      ops: [
        { op: "put", key: "mine:2", valueLength: 3 },
        { op: "delete", key: "mine:1" },
      ],
    };
    const applied = await host.invoke("kv_transact", [encodeEnvelope(transaction, [text("one"), text("two")])]);
    expect(decodeEnvelope(okOf(applied)).header).toMatchObject({ ok: true });
    const page = decodeEnvelope(okOf(await host.invoke("kv_scan", [json({ prefix: "mine:" })])));
    expect(page.header).toMatchObject({ entries: [["mine:2", expect.any(Number), 3]] });
    expect([...okOf(await host.invoke("kv_delete", [text("mine:2")]))]).toEqual([1]);
  });

  test("take the bytes of a key as they are", async () => {
    const { host, store } = setUp();
    okOf(await host.invoke("kv_put", [text("mine:1"), text("one"), json({})]));
    const marked = "\uFEFFmine:1";
    const calls: [name: string, args: (Uint8Array | null)[]][] = [
      ["kv_get", [text(marked)]],
      ["kv_get_many", [json([marked])]],
      ["kv_put", [text(marked), text("two"), json({})]],
      ["kv_delete", [text(marked)]],
      ["kv_scan", [json({ prefix: marked })]],
      ["kv_cas", [text(marked), null, text("two")]],
      ["kv_transact", [encodeEnvelope({ ops: [{ op: "delete", key: marked }] }, [])]],
    ];
    for (const [name, args] of calls) {
      expect([name, errorOf(await host.invoke(name, args))]).toMatchObject([name, { code: "KV_NAMESPACE_DENIED" }]);
    }
    // The mark within a namespace, and bytes that are no UTF-8, which would become another key.
    okOf(await host.invoke("kv_put", [text("mine:\uFEFF"), text("two"), json({})]));
    const broken = Uint8Array.of(...text("mine:"), 0xff);
    const header = text('{"ops":[{"op":"delete","key":"mine:?"}]}');
    header[header.indexOf(0x3f)] = 0xff;
    for (const [name, args] of [
      ["kv_get", [broken]],
      ["kv_put", [broken, text("x"), json({})]],
      ["kv_cas", [broken, null, text("x")]],
      ["kv_scan", [Uint8Array.of(...text('{"prefix":"mine:'), 0xff, ...text('"}'))]],
      ["kv_transact", [Uint8Array.of(header.length, 0, 0, 0, ...header)]],
    ] as [string, (Uint8Array | null)[]][]) {
      expect([name, errorOf(await host.invoke(name, args))]).toMatchObject([name, { code: "INVALID_PARAMS" }]);
    }
    const { entries } = await store.kv.scan({ prefix: "" });
    expect(entries.map(({ key, value }) => [key, decodeUtf8(value)])).toEqual([
      ["mine:1", "one"],
      ["mine:\uFEFF", "two"],
    ]);
  });

  test("a compare-and-swap takes a time to live, which may be left out", async () => {
    const { host, store } = setUp();
    const cas = (expected: string | null, next: string | null, ...options: (Uint8Array | null)[]) =>
      host.invoke("kv_cas", [
        text("mine:1"),
        ...[expected, next].map((it) => (it === null ? null : text(it))),
        ...options,
      ]);
    const expiries = async () => {
      const found: number[] = [];
      for await (const { expiresAt } of store.maintenance.entries()) found.push(expiresAt);
      return found;
    };
    const before = Date.now();
    okOf(await cas(null, "one", json({ ttlMs: 60_000 })));
    const [expiresAt] = await expiries();
    expect(expiresAt).toBeGreaterThanOrEqual(before + 60_000);
    okOf(await cas("one", "two"));
    expect(await expiries()).toEqual([0]);
    okOf(await cas("two", "three", null));
    okOf(await cas("three", "four", json({})));
    expect(await expiries()).toEqual([0]);
    for (const ttlMs of [0, -1, 0.5, 1e300, "5", true, {}]) {
      expect(errorOf(await cas("four", "five", json({ ttlMs })))).toMatchObject({ code: "INVALID_PARAMS" });
    }
    for (const options of [text("[]"), text("5"), text("{"), text("")]) {
      expect(errorOf(await cas("four", "five", options))).toMatchObject({ code: "INVALID_PARAMS" });
    }
    expect(errorOf(await cas("four", null, json({ ttlMs: 5 })))).toMatchObject({ code: "INVALID_PARAMS" });
    okOf(await cas("four", null));
  });

  test("the clock is the node's; a thread that has not got it asks the main thread", async () => {
    const manifest = parseManifest({ name: "p", version: "1.0.0", api_version: "1", handles: ["p.*"] });
    await using store = new MemoryStore();
    const clock = { now: () => 123.9 };
    const logger = { log: () => undefined };
    const host = new PluginHostContext(manifest, { kv: store.kv, blobs: store.blobs, logger, clock });
    const millis = (result: Uint8Array) => Buffer.from(okOf(result)).readBigUInt64LE();
    expect(millis(await host.invoke("clock_now", []))).toBe(123n);
    const local = { grant: grantOf(manifest), config: {}, reader: null };
    expect(millis(new LocalHostContext({ ...local, clock }).invoke("clock_now", [])!)).toBe(123n);
    expect(new LocalHostContext({ ...local, clock: null }).invoke("clock_now", [])).toBeNull();
  });

  test("blobs, configuration, clock, random bytes, log", async () => {
    const { host, logs } = setUp();
    const hash = okOf(await host.invoke("blob_put", [text("data")]));
    expect(decodeUtf8(okOf(await host.invoke("blob_get", [hash])))).toBe("data");
    expect((await host.invoke("blob_get", [text("0".repeat(64))]))[0]).toBe(RESULT_NOT_FOUND);
    expect(errorOf(await host.invoke("blob_get", [text("no hash")]))).toMatchObject({ code: "BLOB_HASH_INVALID" });
    expect(decodeUtf8(okOf(await host.invoke("config_get", [])))).toBe('{"color":"red"}');
    expect(okOf(await host.invoke("clock_now", []))).toHaveLength(8);
    expect(okOf(await host.invoke("random_bytes", [json(16)]))).toHaveLength(16);
    expect(errorOf(await host.invoke("random_bytes", [json(1e9)]))).toMatchObject({ code: "INVALID_PARAMS" });
    okOf(await host.invoke("log_write", [json({ level: "warn", message: "careful", fields: { n: 1 } })]));
    expect(logs).toEqual([{ level: "warn", message: "careful", fields: { n: 1 } }]);
  });

  test.each([
    [{ text: "x".repeat(LIMITS.logMessageBytes) }, { omitted: "fields of 8203 characters of JSON" }],
    [[1, 2], { omitted: "fields that are not a JSON object" }],
    [null, undefined],
  ])("a record whose fields cannot be logged says so", async (fields, logged) => {
    const { host, logs } = setUp();
    okOf(await host.invoke("log_write", [json({ level: "info", message: "m", fields })]));
    expect(logs[0]?.fields).toEqual(logged);
  });

  test("what a plugin stores as a blob is kept from garbage collection", async () => {
    const { host, store } = setUp();
    const hash = decodeUtf8(okOf(await host.invoke("blob_put", [text("data")])));
    const other = await store.blobs.put(text("nobody's"));
    expect(await store.blobs.references(hash)).toEqual(["plugin:p:data"]);
    await delay(MIN_GRACE_MS + 50);
    await store.blobs.collectGarbage({ graceMs: MIN_GRACE_MS });
    expect(await store.blobs.has(other)).toBe(false);
    expect(decodeUtf8(okOf(await host.invoke("blob_get", [text(hash)])))).toBe("data");
  });

  test("without kv_prefixes a plugin has its own prefix alone", async () => {
    const { host } = setUp({ kv_prefixes: [] });
    expect(host.allowedKvPrefixes).toEqual(["__plugin:p:"]);
    expect(() => host.validateKeyPrefix("__plugin:p:1")).not.toThrow();
    expect(() => host.validateKeyPrefix("__plugin:pq:1")).toThrow(
      expect.objectContaining({ code: "KV_NAMESPACE_DENIED" }),
    );
    expect(() => host.validateScanPrefix("__plugin:")).toThrow(
      expect.objectContaining({ code: "KV_NAMESPACE_DENIED" }),
    );
  });

  test("large values: a page ends early with a cursor, a list is refused, and all are met page by page", async () => {
    const { host, store } = setUp();
    const value = new Uint8Array(900_000);
    const keys = Array.from({ length: 30 }, (_, i) => `mine:${String(i).padStart(2, "0")}`);
    for (const key of keys) await store.kv.put(key, value);
    expect(errorOf(await host.invoke("kv_get_many", [json(keys)]))).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    expect(errorOf(await host.invoke("kv_get_many", [json(Array(1000).fill(keys[0]))]))).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
    });
    for (const reverse of [false, true]) {
      const met: string[] = [];
      let after: string | undefined;
      do {
        const options = { prefix: "mine:", reverse, ...(after === undefined ? {} : { after }) };
        const { header } = decodeEnvelope<{ entries: [string, number, number][]; cursor?: string }>(
          okOf(await host.invoke("kv_scan", [json(options)])),
        );
        expect(header.entries.length).toBeLessThan(keys.length);
        met.push(...header.entries.map(([key]) => key));
        after = header.cursor;
      } while (after !== undefined);
      expect(met).toEqual(reverse ? keys.toReversed() : keys);
    }
    const all = decodeEnvelope<{ entries: unknown[] }>(
      okOf(await host.invoke("kv_scan", [json({ prefix: "mine:", keysOnly: true })])),
    );
    expect(all.header.entries).toHaveLength(30);
    expect(errorOf(await host.invoke("kv_scan", [json({ prefix: "mine:", limit: 0 })]))).toMatchObject({
      code: "INVALID_PARAMS",
    });
  });

  test("small values: a page has as many as asked for, a list as many as named", async () => {
    const { host, store } = setUp();
    const keys = Array.from({ length: 300 }, (_, i) => `mine:${String(i).padStart(3, "0")}`);
    for (const key of keys) await store.kv.put(key, text(key));
    const many = decodeEnvelope<unknown[]>(okOf(await host.invoke("kv_get_many", [json(keys)])));
    expect(many.header).toHaveLength(300);
    for (const [limit, expected] of [
      [200, 200],
      [64, 64],
      [1, 1],
      [1000, 300],
    ]) {
      const { header } = decodeEnvelope<{ entries: [string][]; cursor?: string }>(
        okOf(await host.invoke("kv_scan", [json({ prefix: "mine:", limit })])),
      );
      expect(header.entries.map(([key]) => key)).toEqual(keys.slice(0, expected));
      expect(header.cursor !== undefined).toBe(expected! < 300);
    }
  });
});
