import assert from "node:assert/strict";
import { once } from "node:events";
import { encodeUtf8, isAspenError } from "@aspen/plugin-api/abi";
import type { ConformanceCase } from "@aspen/storage/testing";
import type { MemberInfo } from "../membership/member.js";
import { Membership } from "../membership/membership.js";
import type { MembershipOptions } from "../membership/options.js";
import type { Member } from "../membership/roster.js";

const info = (id: string, more: Partial<MemberInfo> = {}): MemberInfo => ({
  id,
  address: `http://127.0.0.1:1/${id}`,
  version: "1.2.3",
  state: "serving",
  methods: ["kv.get", "forge.*"],
  safeMethods: ["kv.get"],
  features: ["kv"],
  jobTypes: ["shell"],
  ...more,
});

const coded = (code: string) => (error: unknown) => isAspenError(error) && error.code === code;
const ids = (members: readonly Member[]) => members.map(({ id }) => id);

/** Under one namespace of the suite. */
function inNamespace(namespace: string, more: MembershipOptions = {}): MembershipOptions {
  const beatPrefix = `beats-${namespace}`;
  return { recordPrefix: `${namespace}member:`, beatPrefix, beatMs: 600_000, ...more };
}

/** Resolves as soon as the members are so. */
function until(membership: Membership, holds: (members: readonly Member[]) => boolean): Promise<readonly Member[]> {
  return new Promise((resolve) => {
    const unwatch = membership.watch((members) => {
      if (!holds(members)) return;
      queueMicrotask(() => unwatch());
      resolve(members);
    });
  });
}

/** What membership promises on every store. */
export const membershipCases: readonly ConformanceCase[] = [
  {
    name: "each sees the others, with what they serve, and who leaves is gone without a sign of life",
    async run({ kv }, namespace) {
      await using one = await Membership.open(kv, inNamespace(namespace));
      await using two = await Membership.open(kv, inNamespace(namespace));
      await using _a = await one.join(info("a"));
      const b = await two.join(info("b", { address: null }));
      const [a, other] = await until(one, (members) => members.length === 2);
      assert.deepEqual({ ...a, incarnation: 1 }, { ...info("a"), incarnation: 1, load: 0, healthy: true });
      assert.equal(other!.address, null);
      await until(two, (members) => members.length === 2);
      await b.update({ state: "draining" });
      await until(one, (members) => members[1]?.state === "draining");
      await b.leave();
      assert.deepEqual(ids(await until(one, (members) => members.length === 1)), ["a"]);
      await assert.rejects(b.update({ state: "serving" }), coded("MEMBERSHIP_OVER"));
    },
  },
  {
    name: "who falls silent is gone, and what it left is removed",
    async run({ kv }, namespace) {
      const options = inNamespace(namespace, { beatMs: 50, ttlMs: 200 });
      await using one = await Membership.open(kv, options);
      await using _a = await one.join(info("a"));
      const value = encodeUtf8(JSON.stringify({ ...info("dead"), incarnation: 1 }));
      await kv.put(`${options.recordPrefix}dead`, value);
      await kv.put(`${options.beatPrefix}dead`, encodeUtf8('{"incarnation":1,"load":3}'));
      await until(one, (members) => members.length === 2);
      await until(one, (members) => members.length === 1);
      for (const prefix of [options.recordPrefix, options.beatPrefix]) {
        while (await kv.get(`${prefix}dead`)) await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  },
  {
    name: "who was taken for dead and lives comes back with a larger incarnation",
    async run({ kv }, namespace) {
      const options = inNamespace(namespace);
      await using one = await Membership.open(kv, options);
      await using two = await Membership.open(kv, options);
      await using a = await one.join(info("a"));
      const before = a.incarnation;
      await until(two, (members) => members.length === 1);
      await kv.delete(`${options.recordPrefix}a`);
      const [again] = await until(two, ([member]) => (member?.incarnation ?? 0) > before);
      assert.equal(again!.incarnation, a.incarnation);
    },
  },
  {
    name: "of two under one id, the later one stays",
    async run({ kv }, namespace) {
      const options = inNamespace(namespace);
      await using one = await Membership.open(kv, options);
      await using two = await Membership.open(kv, options);
      await using early = await one.join(info("a", { version: "1" }));
      const over = once(early.signal, "abort");
      await using late = await two.join(info("a", { version: "2" }));
      await over;
      assert.ok(coded("MEMBERSHIP_OVER")(early.signal.reason));
      await early.leave();
      assert.ok(late.incarnation > early.incarnation);
      assert.deepEqual(
        (await until(one, (members) => members[0]?.version === "2")).map(({ id }) => id),
        ["a"],
      );
    },
  },
  {
    name: "load travels with the signs of life",
    async run({ kv }, namespace) {
      const options = inNamespace(namespace, { beatMs: 20, ttlMs: 600_000 });
      await using one = await Membership.open(kv, options);
      await using two = await Membership.open(kv, inNamespace(namespace, { beatMs: 20, ttlMs: 600_000 }));
      await using _a = await one.join(info("a"), () => 7);
      while (two.members()[0]?.load !== 7) await new Promise((resolve) => setTimeout(resolve, 10));
    },
  },
  {
    name: "what is no record stands for nobody",
    async run({ kv }, namespace) {
      const options = inNamespace(namespace);
      const good = { ...info("x"), incarnation: 1 };
      const bad: Record<string, unknown> = {
        other: good,
        ftp: { ...good, id: "ftp", address: "ftp://127.0.0.1/" },
        many: { ...good, id: "many", methods: Array.from({ length: 4001 }, () => "a.b") },
        long: { ...good, id: "long", methods: ["a".repeat(257)] },
        text: "text",
        none: null,
      };
      for (const [id, value] of Object.entries(bad)) {
        await kv.put(`${options.recordPrefix}${id}`, encodeUtf8(JSON.stringify(value)));
      }
      await kv.put(`${options.recordPrefix}bytes`, Uint8Array.of(0xff, 0));
      await kv.put(`${options.recordPrefix}large`, new Uint8Array(300_000).fill(0x20));
      await using one = await Membership.open(kv, options);
      assert.deepEqual(ids(one.members()), []);
      await using _a = await one.join(info("a"));
      await until(one, (members) => members.length === 1);
      await assert.rejects(one.join(info("b")), coded("MEMBERSHIP_OVER"));
    },
  },
  {
    name: "a record that is out of bounds is refused, and nothing is written",
    async run({ kv }, namespace) {
      const options = inNamespace(namespace);
      await using one = await Membership.open(kv, options);
      const long = Array.from({ length: 4000 }, (_, at) => String(at).padStart(256, "m"));
      await assert.rejects(one.join(info("a", { methods: long })), coded("PAYLOAD_TOO_LARGE"));
      await assert.rejects(one.join(info("a b")), coded("INVALID_PARAMS"));
      await assert.rejects(one.join(info("a", { address: "javascript:0" })), coded("INVALID_PARAMS"));
      assert.deepEqual((await kv.scan({ prefix: `beats-${namespace}` })).entries, []);
      await using _a = await one.join(info("a"));
    },
  },
  {
    name: "the only user of a store removes what was left over",
    async run({ kv }, namespace) {
      const options = inNamespace(namespace, { sole: true });
      await kv.put(`${options.recordPrefix}old`, encodeUtf8(JSON.stringify({ ...info("old"), incarnation: 1 })));
      await using one = await Membership.open(kv, options);
      assert.deepEqual(ids(one.members()), []);
    },
  },
];
