import assert from "node:assert/strict";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { rejectsWith } from "./expectations.js";
import type { RuntimeCase } from "./runtime-case.js";

/** What the fixture `abi` does, whatever language it is written in. */
export const abiCases: readonly RuntimeCase[] = [
  {
    name: "params come as they are, values are stored and read, and a key that is not there is not found",
    async run(bench) {
      const plugin = await bench.start({ fixture: "abi" });
      assert.equal(await plugin.call("abi.get"), null);
      for (const value of [{ n: [1, "zwei", null] }, 'żółć " } 🦔', 0, [], false]) {
        assert.equal(await plugin.call("abi.put", value), true);
        assert.deepEqual(await plugin.call("abi.get"), value);
        const stored = await bench.store.kv.get("abi:last");
        assert.deepEqual(JSON.parse(Buffer.from(stored!.value).toString()), value);
      }
    },
  },
  {
    name: "a host function's error reaches the caller with its code, and later calls are answered",
    async run(bench) {
      await bench.store.kv.put("other:key", encodeUtf8("secret"));
      const plugin = await bench.start({ fixture: "abi" });
      const error = await rejectsWith("KV_NAMESPACE_DENIED", plugin.call("abi.other"));
      assert.equal(error.details?.key, "other:key");
      assert.equal(await plugin.call("abi.get"), null);
      assert.deepEqual(bench.denied, ["abi kv_get KV_NAMESPACE_DENIED"]);
    },
  },
  {
    name: "a permission that was not granted is PERMISSION_DENIED",
    async run(bench) {
      const plugin = await bench.start({ fixture: "abi", manifest: { permissions: ["kv:read"] } });
      await rejectsWith("PERMISSION_DENIED", plugin.call("abi.put", 1));
      await rejectsWith("PERMISSION_DENIED", plugin.call("abi.blob"));
    },
  },
  {
    name: "a blob is written in parts, and a forged handle is HANDLE_UNKNOWN",
    async run(bench) {
      const plugin = await bench.start({ fixture: "abi" });
      const hash = (await plugin.call("abi.blob")) as string;
      assert.equal(Buffer.from(await bench.store.blobs.read(hash, 64)).toString(), "first second");
      await rejectsWith("HANDLE_UNKNOWN", plugin.call("abi.forged"));
      assert.equal(await plugin.call("abi.blob"), hash);
    },
  },
  {
    name: "it logs, and an error of its own has its class",
    async run(bench) {
      const plugin = await bench.start({ fixture: "abi" });
      assert.equal(await plugin.call("abi.log", null, { requestId: "r-1" }), null);
      assert.deepEqual(bench.logs, [{ level: "info", message: "from the plugin", requestId: "r-1" }]);
      const error = await rejectsWith("ABI_FAILED", plugin.call("abi.fail"));
      assert.deepEqual([error.class, error.status.http, error.message], ["conflict", 409, "as asked"]);
      await rejectsWith("METHOD_NOT_FOUND", plugin.call("abi.unknown"));
    },
  },
];
