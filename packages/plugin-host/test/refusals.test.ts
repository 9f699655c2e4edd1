import { decodeUtf8, encodeEnvelope, encodeUtf8, parseManifest } from "@aspen/plugin-api";
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
  return { store, code };
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

test.each(["append", "PUT", "", null, 1])("a transaction with an op %p that carries a value is refused", async (op) => {
  const { store, code } = setUp();
  const ops = [{ op, key, valueLength: 1 }];
  expect(await code("kv_transact", [encodeEnvelope({ ops }, [encodeUtf8("v")])])).toBe("INVALID_PARAMS");
  expect(await store.kv.get(key)).toBeNull();
});
