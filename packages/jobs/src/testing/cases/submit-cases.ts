import assert from "node:assert/strict";
import { given } from "@aspen/feature";
import { type Caller, LOCAL_CALLER } from "@aspen/rpc-core";
import type { JobRequest } from "../../job.js";
import { JOB_LIMITS } from "../../options.js";
import type { QueueCase } from "../queue-case.js";
import { claim, claimOne, statusOf, withCode } from "./claiming.js";

/** What is wrong, and a request with it. */
const BAD: readonly [string, Partial<JobRequest>][] = [
  ["an empty type", { type: "" }],
  ["a type with a colon", { type: "a:b" }],
  ["a delay in the past", { delayMs: -1 }],
  ["a delay that is no number", { delayMs: Number.NaN }],
  ["no time", { timeoutMs: 0 }],
  ["no attempts", { attempts: 0 }],
  ["half an attempt", { attempts: 1.5 }],
  ["negative stalls", { maxStalls: -1 }],
  ["a priority over the highest", { priority: 11 }],
  ["a group that is too long", { group: "g".repeat(JOB_LIMITS.groupCharacters + 1) }],
  ["an empty idempotency key", { idempotencyKey: "" }],
  ["a negative back-off", { backoff: { type: "fixed", delayMs: -5 } }],
  ["a list of no back-offs", { backoff: { type: "list", delaysMs: [] } }],
  ["jitter over 1", { backoff: { type: "fixed", delayMs: 1, jitter: 2 } }],
  ["a dependency that is no id", { dependsOn: ["x:*"] }],
  ["a payload that JSON cannot hold", { payload: 1n }],
];

export const submitCases: readonly QueueCase[] = [
  {
    name: "a job is there with what was asked for, and with the defaults",
    async run({ queue, other }) {
      const { id, created } = await queue.submit({ type: "work", payload: { n: 1 }, priority: 3, group: "a/ü:b" });
      assert.ok(created);
      const job = await other.get(id);
      assert.ok(job);
      assert.deepEqual(
        { type: job.type, status: job.status, payload: job.payload, priority: job.priority, group: job.group },
        { type: "work", status: "pending", payload: { n: 1 }, priority: 3, group: "a/ü:b" },
      );
      assert.equal(job.attempts, 0);
      assert.equal(job.maxAttempts, 1);
      assert.equal(job.progress, null);
    },
  },
  {
    name: "a job is claimed with who submitted it and what he is granted, also when it is retried and by another process",
    async run({ queue, other }) {
      const grants = { methods: ["shop.order"], kvPrefixes: ["shop:"] };
      const caller: Caller = { kind: "plugin", id: "shop", grants, token: "t1", through: ["bank", "shop"] };
      await queue.submit({ type: "work", caller });
      const kept = { kind: "plugin", id: "shop", grants, token: "t1" };
      const first = await claimOne(other);
      assert.deepEqual(first.caller, kept);
      await other.fail(first, { code: "X", message: "x" });
      await other.retry(first.id);
      const again = await claimOne(queue);
      assert.deepEqual(again.caller, kept);
      await queue.complete(again, null);
      await queue.submitFlow([{ name: "one", type: "work", caller }]);
      assert.deepEqual((await claimOne(queue)).caller, kept);
      for (const everything of [undefined, LOCAL_CALLER, { ...LOCAL_CALLER }]) {
        await queue.submit({ type: "work", ...given({ caller: everything }) });
        const job = await claimOne(queue);
        assert.equal("caller" in job, false);
        await queue.complete(job, null);
      }
      const vast = { ...caller, grants: { methods: ["x".repeat(33_000)], kvPrefixes: [] } };
      await assert.rejects(queue.submit({ type: "work", caller: vast }), withCode("INVALID_PARAMS"));
    },
  },
  {
    name: "a type that nobody registered is refused, or waits by choice",
    async run({ queue }) {
      await assert.rejects(queue.submit({ type: "nobody" }), withCode("JOB_TYPE_UNKNOWN"));
      const { id } = await queue.submit({ type: "nobody", allowUnknown: true });
      assert.equal(await statusOf(queue, id), "pending");
      assert.equal(
        (await queue.claim({ worker: "w", types: [{ type: "nobody" }], limit: 1, leaseMs: 1000 }))[0]?.id,
        id,
      );
    },
  },
  {
    name: "a type that another process registered is known",
    async run({ queue, other }) {
      await other.registerTypes(["late"]);
      await queue.submit({ type: "late" });
      assert.deepEqual(await queue.knownTypes(), ["late", "other", "work"]);
    },
  },
  {
    name: "bad input is refused, and leaves nothing behind",
    async run({ queue }) {
      for (const [what, part] of BAD) {
        await assert.rejects(queue.submit({ type: "work", ...part }), withCode("INVALID_PARAMS"), what);
      }
      const large = "x".repeat(JOB_LIMITS.payloadBytes);
      await assert.rejects(queue.submit({ type: "work", payload: large }), withCode("PAYLOAD_TOO_LARGE"));
      assert.deepEqual((await queue.list()).jobs, []);
    },
  },
  {
    name: "an idempotency key makes two jobs one, within its type, also at once",
    async run({ queue, other }) {
      const request = { type: "work", idempotencyKey: "k" };
      const all = await Promise.all([queue, other, queue, other].map((it) => it.submit(request)));
      assert.equal(new Set(all.map(({ id }) => id)).size, 1);
      assert.equal(all.filter(({ created }) => created).length, 1);
      assert.equal((await queue.submit({ type: "other", idempotencyKey: "k" })).created, true);
      const job = await claimOne(queue);
      await queue.complete(job, null);
      assert.equal((await queue.submit(request)).created, false);
      await queue.remove(job.id);
      assert.equal((await queue.submit(request)).created, true);
    },
  },
  {
    name: "a delayed job is claimed when its delay is over, and not before",
    async run({ queue, advance }) {
      const { id } = await queue.submit({ type: "work", delayMs: 5000 });
      assert.equal(await statusOf(queue, id), "scheduled");
      const before = await queue.maintain();
      assert.equal(before.promoted, 0);
      assert.ok(before.nextAt !== null);
      assert.deepEqual(await claim(queue), []);
      await advance(5001);
      assert.equal((await queue.maintain()).promoted, 1);
      assert.equal((await claimOne(queue)).id, id);
    },
  },
  {
    name: "a large payload and a large result come back whole",
    async run({ queue, other }) {
      const payload = { text: "ä".repeat(JOB_LIMITS.inlineBytes) };
      await queue.submit({ type: "work", payload });
      const job = await claimOne(other);
      assert.deepEqual(job.payload, payload);
      await other.complete(job, [payload]);
      assert.deepEqual((await queue.get(job.id))?.result, [payload]);
    },
  },
];
