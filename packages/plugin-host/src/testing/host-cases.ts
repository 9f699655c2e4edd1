import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { encodeUtf8, LIMITS } from "@aspen/plugin-api/abi";
import { type Caller, LOCAL_CALLER } from "@aspen/rpc-core";
import { rejectsWith } from "./expectations.js";
import type { RecordedJob } from "./recorded-jobs.js";
import type { RuntimeCase } from "./runtime-case.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const hostCases: readonly RuntimeCase[] = [
  {
    name: "a counter loses no update, and holds whole numbers alone",
    async run(bench) {
      const plugin = await bench.start({ manifest: { max_instances: 2 } });
      const add = (by: number) => plugin.call("suite.add", { key: "suite:count", by });
      const sums = await Promise.all(Array.from({ length: 64 }, (_, n) => add(n % 2 ? 3 : -1)));
      assert.equal(new Set(sums).size > 1, true);
      assert.equal(await add(0), 64);
      for (const by of [0.5, Number.MAX_SAFE_INTEGER]) await rejectsWith("INVALID_PARAMS", add(by));
      await bench.store.kv.put("suite:count", encodeUtf8("many"));
      await rejectsWith("INVALID_PARAMS", add(1));
    },
  },
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
      const [{ caller: _, options: __, ...submitted }, ...more] = bench.jobs.submitted as [RecordedJob];
      assert.deepEqual([submitted, more], [{ plugin: "suite", request, reason: "enough" }, []]);
    },
  },
  {
    name: "a job is submitted with what the plugin and its caller are granted both",
    async run(bench) {
      const permissions = ["jobs:submit:*", "rpc:call:bank.*", "rpc:call:kv.get"] as const;
      const plugin = await bench.start({ manifest: { permissions: [...permissions], kv_prefixes: ["shop:"] } });
      const grants = { methods: ["suite.*", "bank.pay"], kvPrefixes: ["shop:a"] };
      const token: Caller = { kind: "token", id: "t1", grants };
      await plugin.call("suite.submit", { type: "mail.send" }, { caller: token });
      await plugin.call("suite.submit", { type: "mail.send" }, { caller: LOCAL_CALLER });
      const [narrow, wide] = bench.jobs.submitted.map(({ caller }) => caller) as [Caller, Caller];
      const shared = { methods: ["bank.pay"], kvPrefixes: ["shop:a"] };
      assert.deepEqual(narrow, { kind: "plugin", id: "suite", through: ["suite"], grants: shared, token: "t1" });
      assert.deepEqual(wide.grants.methods, ["bank.*", "kv.get"]);
      assert.equal(wide.token, undefined);
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
    name: "signatures are in the plugin's own name, and anybody can verify them",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions: ["signing"] } });
      const bytes = ({ base64 }: { base64: string }) => Buffer.from(base64, "base64");
      type Bytes = { base64: string };
      const signed = async () =>
        (await plugin.call("suite.sign", { data: "żółć", by: "neighbour" })) as Record<
          "signature" | "publicKey" | "other",
          Bytes
        > & { verified: boolean[]; malformed: boolean };
      const { signature, publicKey, other, verified, malformed } = await signed();
      assert.deepEqual([verified, malformed], [[true, false, false], false]);
      assert.deepEqual([bytes(signature).length, bytes(publicKey).length, bytes(other).length], [64, 32, 32]);
      assert.notDeepEqual(publicKey, other);
      // Outside of the node, by the form that is documented.
      const key = createPublicKey({
        ...{ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: bytes(publicKey).toString("base64url") } },
      });
      const message = (name: string) => Buffer.from(`aspen plugin signature v1:${name}\0żółć`);
      assert.equal(verify(null, message("suite"), key, bytes(signature)), true);
      assert.equal(verify(null, message("suitf"), key, bytes(signature)), false);
      // Another node of the store, and another start.
      await plugin.instance[Symbol.asyncDispose]();
      const again = await bench.start({ manifest: { permissions: ["signing"] } });
      assert.deepEqual(await again.call("suite.publicKey", "suite"), publicKey);
      for (const name of ["", "Suite", "x".repeat(65)]) {
        await rejectsWith("INVALID_PARAMS", again.call("suite.publicKey", name));
      }
    },
  },
  {
    name: "more data than may be signed is PAYLOAD_TOO_LARGE; keys and signatures are for those to whom it is granted",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions: ["signing"] } });
      await rejectsWith("PAYLOAD_TOO_LARGE", plugin.call("suite.signBytes", LIMITS.signedBytes + 1));
      await plugin.instance[Symbol.asyncDispose]();
      const denied = await bench.start();
      await rejectsWith("PERMISSION_DENIED", denied.call("suite.signBytes", 1));
      await rejectsWith("PERMISSION_DENIED", denied.call("suite.publicKey", "suite"));
    },
  },
  {
    name: "the nodes are told to whom it is granted, where there are any",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions: ["cluster:info"] } });
      const { self, nodes } = bench.cluster.info();
      assert.deepEqual(await plugin.call("suite.cluster"), { self, nodes });
      await plugin.instance[Symbol.asyncDispose]();
      const alone = await bench.start({ manifest: { permissions: ["cluster:info"] }, cluster: false });
      const error = await rejectsWith("FEATURE_OFF", alone.call("suite.cluster"));
      assert.equal(error.details?.feature, "cluster");
      await alone.instance[Symbol.asyncDispose]();
      const denied = await bench.start();
      await rejectsWith("PERMISSION_DENIED", denied.call("suite.cluster"));
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
