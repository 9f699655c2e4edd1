import assert from "node:assert/strict";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { rejectsWith } from "./expectations.js";
import type { RuntimeCase } from "./runtime-case.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const hostCases: readonly RuntimeCase[] = [
  {
    name: "keys: put, compare-and-swap, transactions, appends, several at once, pages, delete",
    async run(bench) {
      const plugin = await bench.start();
      assert.deepEqual(await plugin.call("suite.kv"), {
        grows: true,
        refused: "two",
        committed: true,
        log: ["four", "5", "six"],
        logKeys: true,
        failed: 0,
        many: ["two", null, "three"],
        pages: [["suite:a"], ["suite:c"]],
        deleted: [true, false],
      });
      assert.equal(Buffer.from((await bench.store.kv.get("suite:a"))!.value).toString(), "two");
    },
  },
  {
    name: "what a plugin does to its bytes after a host call changes nothing stored",
    async run(bench) {
      const plugin = await bench.start();
      assert.deepEqual(await plugin.call("suite.reuse"), { base64: "AQID" });
    },
  },
  {
    name: "blobs: put, get, has",
    async run(bench) {
      const plugin = await bench.start();
      const { hash, ...rest } = (await plugin.call("suite.blobs", "żółć")) as { hash: string };
      const bytes = { base64: Buffer.from("żółć").toString("base64") };
      assert.deepEqual(rest, { bytes, has: true, hasNot: false });
      assert.equal(await bench.store.blobs.has(hash), true);
    },
  },
  {
    name: "jobs: submit, get, cancel, by the plugin's own name",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions: ["jobs:submit:mail.*"] } });
      const request = { type: "mail.send", payload: { to: ["ada"] }, attempts: 3 };
      assert.deepEqual(await plugin.call("suite.job", request), {
        created: true,
        job: { id: "0", ...request },
        cancelled: { id: "0", status: "cancelled" },
        none: null,
      });
      assert.deepEqual(bench.jobs.submitted, [{ plugin: "suite", request, reason: "enough" }]);
    },
  },
  {
    name: "a job of a type that was not granted, or that is a pattern, is refused; so is what is no option or too large",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions: ["jobs:submit:mail.send"] } });
      const submit = (request: object) => plugin.call("suite.submit", request);
      const error = await rejectsWith("PERMISSION_DENIED", submit({ type: "mail.sender" }));
      assert.equal(error.details?.permission, "jobs:submit:mail.sender");
      await rejectsWith("PERMISSION_DENIED", plugin.call("suite.look", { type: "mail.sender", id: "0" }));
      for (const type of ["*", "mail.*", "", "x".repeat(129), "mail send"]) {
        await rejectsWith("INVALID_PARAMS", submit({ type }));
      }
      await rejectsWith("INVALID_PARAMS", submit({ type: "mail.send", group: "other" }));
      await rejectsWith("PAYLOAD_TOO_LARGE", submit({ type: "mail.send", payload: "x".repeat(65_536) }));
      assert.deepEqual(bench.jobs.submitted, []);
      assert.deepEqual(bench.denied, ["suite jobs_submit PERMISSION_DENIED", "suite jobs_get PERMISSION_DENIED"]);
    },
  },
  {
    name: "where the feature jobs is off, jobs are FEATURE_OFF",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions: ["jobs:submit:*"] }, jobs: false });
      const error = await rejectsWith("FEATURE_OFF", plugin.call("suite.submit", { type: "mail.send" }));
      assert.equal(error.details?.feature, "jobs");
    },
  },
  {
    name: "configuration, clock and random numbers are the host's",
    async run(bench) {
      const plugin = await bench.start({ config: { greeting: "hi", deep: { n: [1] } } });
      const before = Date.now();
      const answer = (await plugin.call("suite.environment")) as Record<string, unknown>;
      assert.deepEqual(answer.config, { greeting: "hi", deep: { n: [1] } });
      assert.ok((answer.now as number) >= before && (answer.now as number) <= Date.now());
      assert.equal(answer.bytes, 32);
      const uuids = answer.uuids as string[];
      for (const uuid of uuids) assert.match(uuid, UUID);
      assert.notEqual(uuids[0], uuids[1]);
    },
  },
  {
    name: "log records are written in their order, with the request's id, before the answer",
    async run(bench) {
      const plugin = await bench.start();
      assert.equal(await plugin.call("suite.log", null, { requestId: "r-7" }), "answered");
      assert.deepEqual(bench.logs, [
        { level: "debug", message: "first", requestId: "r-7" },
        { level: "warn", message: "second", fields: { n: 2 }, requestId: "r-7" },
        { level: "error", message: "third", requestId: "r-7" },
        { level: "info", message: "fourth", requestId: "r-7" },
      ]);
    },
  },
  {
    name: "a permission that was not granted is PERMISSION_DENIED, to the plugin and its caller, and is counted",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions: ["kv:read"] } });
      assert.equal(await plugin.call("suite.get", "suite:a"), null);
      const error = await rejectsWith("PERMISSION_DENIED", plugin.call("suite.put", "suite:a"));
      assert.deepEqual(error.details, { plugin: "suite", hostFunction: "kv_put", permission: "kv:write" });
      await rejectsWith("PERMISSION_DENIED", plugin.call("suite.blobs", "text"));
      await rejectsWith("PERMISSION_DENIED", plugin.call("suite.environment"));
      assert.deepEqual(bench.denied, [
        "suite kv_put PERMISSION_DENIED",
        "suite blob_put PERMISSION_DENIED",
        "suite random_bytes PERMISSION_DENIED",
      ]);
      assert.equal(await bench.store.kv.get("suite:a"), null);
    },
  },
  {
    name: "a key or scan outside the plugin's prefixes is KV_NAMESPACE_DENIED, and can be caught",
    async run(bench) {
      await bench.store.kv.put("other:a", encodeUtf8("secret"));
      const plugin = await bench.start();
      for (const key of ["other:a", "suite", "__sys:plugin:suite"]) {
        await rejectsWith("KV_NAMESPACE_DENIED", plugin.call("suite.get", key));
        await rejectsWith("KV_NAMESPACE_DENIED", plugin.call("suite.put", key));
        assert.deepEqual(await plugin.call("suite.caught", key), { caught: "KV_NAMESPACE_DENIED" });
      }
      for (const prefix of ["", "s", "other:"]) {
        await rejectsWith("KV_NAMESPACE_DENIED", plugin.call("suite.scan", prefix));
      }
      assert.equal(bench.denied.length, 12);
    },
  },
  {
    name: "two plugins side by side have each its own grants and configuration",
    async run(bench) {
      await bench.store.kv.put("suite:a", encodeUtf8("of suite"));
      await bench.store.kv.put("neighbour:a", encodeUtf8("of neighbour"));
      const suite = await bench.start({ config: { of: "suite" } });
      const neighbour = await bench.start({ fixture: "neighbour", config: { of: "neighbour" } });
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          assert.equal(await suite.call("suite.get", "suite:a"), "of suite");
          assert.equal(await neighbour.call("neighbour.read", "neighbour:a"), "of neighbour");
          await rejectsWith("KV_NAMESPACE_DENIED", suite.call("suite.get", "neighbour:a"));
          await rejectsWith("KV_NAMESPACE_DENIED", neighbour.call("neighbour.read", "suite:a"));
          await rejectsWith("PERMISSION_DENIED", neighbour.call("neighbour.write", "neighbour:a"));
          assert.deepEqual(await neighbour.call("neighbour.config"), { of: "neighbour" });
        }),
      );
    },
  },
];
