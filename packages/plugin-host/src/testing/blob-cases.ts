import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { LIMITS, type PluginManifest } from "@aspen/plugin-api";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { rejectsWith } from "./expectations.js";
import type { RuntimeBench } from "./runtime-bench.js";
import type { RuntimeCase } from "./runtime-case.js";

const permissions: PluginManifest["permissions"] = ["blob:read", "blob:write", "rpc:call:gate.*"];

/** A method at which calls wait until it is opened. */
function gate(bench: RuntimeBench): { arrived(count: number): Promise<void>; open(): void } {
  const events = new EventEmitter();
  let count = 0;
  bench.methods.register({
    ...{ name: "gate", priority: 500, methods: [{ method: "gate.wait" }] },
    canHandle: (method: string) => method === "gate.wait",
    async handle(_request, { signal }) {
      count += 1;
      const opened = once(events, "open", { signal });
      events.emit("arrived");
      await opened;
    },
  });
  return {
    async arrived(wanted) {
      while (count < wanted) await once(events, "arrived");
    },
    open: () => void events.emit("open"),
  };
}

/** The hashes of all blobs. */
async function stored({ store }: RuntimeBench): Promise<string[]> {
  const hashes: string[] = [];
  for await (const { hash } of store.blobs.list()) hashes.push(hash);
  return hashes;
}

export const blobCases: readonly RuntimeCase[] = [
  {
    name: "a blob larger than a message goes through a plugin in parts, and ranges are exact",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions } });
      const bytes = randomBytes(LIMITS.messageBytes + 1_500_000);
      const hash = await bench.store.blobs.put(bytes);
      const copied = (await plugin.call("suite.copy", { hash })) as { size: number; parts: number[]; hash: string };
      assert.deepEqual([copied.size, copied.hash], [bytes.length, hash]);
      assert.ok(copied.parts.every((length) => length > 0 && length <= LIMITS.blobPartBytes));
      const range = { start: 1_048_570, end: 2_097_160 };
      const part = (await plugin.call("suite.copy", { hash, ...range })) as { size: number; hash: string };
      assert.equal(part.size, bytes.length);
      const read = await bench.store.blobs.read(part.hash, LIMITS.messageBytes);
      assert.ok(Buffer.from(read).equals(bytes.subarray(range.start, range.end)));
      // What a plugin stores is kept.
      assert.deepEqual(await bench.store.blobs.references(part.hash), ["plugin:suite:data"]);
    },
  },
  {
    name: "an empty blob, one that is not there, and reads of a few bytes",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions } });
      const empty = await bench.store.blobs.put(new Uint8Array(0));
      assert.deepEqual(await plugin.call("suite.copy", { hash: empty }), { size: 0, parts: [], hash: empty });
      assert.equal(await plugin.call("suite.copy", { hash: "0".repeat(64) }), null);
      const hash = await bench.store.blobs.put(encodeUtf8("abcde"));
      const some = (await plugin.call("suite.readSome", { hash, most: 2 })) as { base64: string }[];
      assert.deepEqual(
        some.map(({ base64 }) => Buffer.from(base64, "base64").toString()),
        ["ab", "cd"],
      );
      for (const most of [0, -1, 1.5, LIMITS.blobPartBytes + 1]) {
        await rejectsWith("INVALID_PARAMS", plugin.call("suite.readSome", { hash, most }));
      }
      await rejectsWith("INVALID_PARAMS", plugin.call("suite.copy", { hash, start: 4, end: 2 }));
      await rejectsWith("BLOB_HASH_INVALID", plugin.call("suite.copy", { hash: "no hash" }));
    },
  },
  {
    name: "what is not committed leaves nothing, however the call ends",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions, max_instances: 2 } });
      assert.equal(await plugin.call("suite.writeUncommitted", { how: "leave" }), "left");
      assert.equal(await plugin.call("suite.writeUncommitted", { how: "abort" }), "left");
      await rejectsWith("SUITE_GAVE_UP", plugin.call("suite.writeUncommitted", { how: "throw" }));
      const given = new AbortController();
      const { arrived } = gate(bench);
      const waits = plugin.call("suite.writeUncommitted", { how: "wait" }, { signal: given.signal });
      await arrived(1);
      given.abort();
      await rejectsWith("CANCELLED", waits);
      const held = assert.rejects(plugin.call("suite.writeUncommitted", { how: "wait" }));
      await arrived(2);
      await plugin.instance[Symbol.asyncDispose]();
      await held;
      assert.deepEqual(await stored(bench), []);
    },
  },
  {
    name: "a handle that is used up, or is of another call, is HANDLE_UNKNOWN",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions } });
      assert.equal(await plugin.call("suite.keepStream", "begin"), "kept");
      await rejectsWith("HANDLE_UNKNOWN", plugin.call("suite.keepStream", "write"));
      await rejectsWith("HANDLE_UNKNOWN", plugin.call("suite.keepStream", "commit"));
      await rejectsWith("HANDLE_UNKNOWN", plugin.call("suite.keepStream", "twice"));
      await rejectsWith("HANDLE_UNKNOWN", plugin.call("suite.keepStream", "late"));
    },
  },
  {
    name: "more streams than a call, or a plugin, may have are LIMIT_EXCEEDED, and are closed with their call",
    async run(bench) {
      const calls = LIMITS.blobStreamsPerPlugin / LIMITS.blobStreamsPerCall;
      const plugin = await bench.start({
        manifest: { permissions, max_instances: calls + 1, execution_timeout_ms: 120_000 },
      });
      const hash = await bench.store.blobs.put(encodeUtf8("abc"));
      const most = LIMITS.blobStreamsPerCall;
      for (let again = 0; again < calls + 1; again += 1) {
        assert.equal(await plugin.call("suite.openMany", { hash, count: most }), most);
      }
      const error = await rejectsWith("LIMIT_EXCEEDED", plugin.call("suite.openMany", { hash, count: most + 1 }));
      assert.deepEqual(error.details, { limit: "blob_streams_per_call", most });
      const { arrived, open } = gate(bench);
      const held = Array.from({ length: calls }, () =>
        plugin.call("suite.openMany", { hash, count: most, hold: true }),
      );
      await arrived(calls);
      const full = await rejectsWith("LIMIT_EXCEEDED", plugin.call("suite.openMany", { hash, count: 1 }));
      assert.equal(full.details?.limit, "blob_streams_per_plugin");
      open();
      await Promise.all(held);
      assert.equal(await plugin.call("suite.openMany", { hash, count: 1 }), 1);
    },
  },
  {
    name: "streams are for those to whom it is granted, in calls that somebody made",
    async run(bench) {
      const hash = await bench.store.blobs.put(encodeUtf8("abc"));
      const reads = await bench.start({ manifest: { permissions: ["blob:read"] } });
      await rejectsWith("PERMISSION_DENIED", reads.call("suite.writeUncommitted", { how: "leave" }));
      assert.equal(((await reads.call("suite.readSome", { hash, most: 9 })) as unknown[]).length, 2);
      await reads.instance[Symbol.asyncDispose]();
      const writes = await bench.start({ manifest: { permissions: ["blob:write"] } });
      await rejectsWith("PERMISSION_DENIED", writes.call("suite.readSome", { hash, most: 9 }));
      await writes.instance[Symbol.asyncDispose]();
      await rejectsWith("PERMISSION_DENIED", bench.start({ manifest: { permissions }, config: { init: "blob" } }));
    },
  },
];
