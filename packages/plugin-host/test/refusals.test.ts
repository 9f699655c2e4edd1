import { decodeEnvelope, decodeUtf8, encodeEnvelope, encodeUtf8, parseManifest } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { PluginHostContext } from "../src/index.js";

const json = (value: unknown) => encodeUtf8(JSON.stringify(value));

function setUp() {
  const permissions = ["kv:read", "kv:write"];
  const manifest = parseManifest({ name: "p", version: "1.0.0", api_version: "1", handles: ["p.*"], permissions });
  const store = new MemoryStore();
  const host = new PluginHostContext(manifest, { kv: store.kv, blobs: store.blobs, logger: { log() {} } });
  const code = async (name: string, args: Uint8Array[]) =>
    (JSON.parse(decodeUtf8((await host.invoke(name, args)).subarray(1))) as { code?: string }).code;
  return { store, code, invoke: host.invoke.bind(host) };
}

const key = "__plugin:p:k";

test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [null], [0], [-1], [1.5], ["1000"], [2 ** 60]])(
  "a time to live of %p is refused, alone and in a transaction",
  async (ttlMs) => {
    const { store, code } = setUp();
    const value = encodeUtf8("v");
    expect(await code("kv_put", [encodeUtf8(key), value, json({ ttlMs })])).toBe("INVALID_PARAMS");
    const ops = [{ op: "put", key, valueLength: 1, ttlMs }];
    expect(await code("kv_transact", [encodeEnvelope({ ops }, [value])])).toBe("INVALID_PARAMS");
    expect(await store.kv.get(key)).toBeNull();
  },
);

test.each(["Append", "PUT", "", null, 1])("a transaction with an op %p that carries a value is refused", async (op) => {
  const { store, code } = setUp();
  const ops = [{ op, key, valueLength: 1 }];
  expect(await code("kv_transact", [encodeEnvelope({ ops }, [encodeUtf8("v")])])).toBe("INVALID_PARAMS");
  expect(await store.kv.get(key)).toBeNull();
});

test("an append is checked as any other write", async () => {
  const { store, code, invoke } = setUp();
  const value = encodeUtf8("v");
  const append = { op: "append", prefix: "__plugin:p:log:", valueLength: 1 };
  const refused: [code: string, op: object][] = [
    ["KV_NAMESPACE_DENIED", { ...append, prefix: "other:" }],
    ["KV_NAMESPACE_DENIED", { ...append, prefix: "__plugin:p" }],
    ["KV_NAMESPACE_DENIED", { op: "append", key, valueLength: 1 }],
    ["KV_NAMESPACE_DENIED", { ...append, prefix: "other:", key }],
    ["KV_NAMESPACE_DENIED", { ...append, op: "put", key: "other:k" }],
    ["INVALID_PARAMS", { ...append, prefix: 1 }],
    ["INVALID_PARAMS", { ...append, ttlMs: 0 }],
    ["INVALID_PARAMS", { ...append, ttlMs: null }],
    ["KV_KEY_INVALID", { ...append, prefix: append.prefix.padEnd(1010, "x") }],
  ];
  for (const [wanted, op] of refused) {
    const ops = [{ op: "put", key, valueLength: 1 }, op];
    expect([op, await code("kv_transact", [encodeEnvelope({ ops }, [value, value])])]).toEqual([op, wanted]);
  }
  expect((await store.kv.scan({ prefix: "" })).entries).toEqual([]);
  const ops = [append, { ...append, ttlMs: 600_000 }];
  const answer = await invoke("kv_transact", [encodeEnvelope({ ops }, [value, value])]);
  const { appended } = decodeEnvelope<{ appended: string[] }>(answer.subarray(1)).header;
  expect((await store.kv.scan({ prefix: append.prefix })).entries.map(({ key }) => key)).toEqual(appended);
  expect(appended).toHaveLength(2);
});
