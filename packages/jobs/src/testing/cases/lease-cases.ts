import assert from "node:assert/strict";
import type { JobLogLine } from "../../job.js";
import { JOB_LIMITS } from "../../options.js";
import type { QueueCase } from "../queue-case.js";
import { claim, claimOne, LEASE_MS, statusOf, withCode } from "./claiming.js";

const line = (message: string): JobLogLine => ({ at: 1, level: "info", message });

export const leaseCases: readonly QueueCase[] = [
  {
    name: "a job that outlived its lease goes to another, and who had it can do nothing to it",
    async run({ queue, other, advance }) {
      const { id } = await queue.submit({ type: "work" });
      const first = await claimOne(queue);
      await advance(LEASE_MS + 1);
      assert.equal((await other.maintain()).stalled, 1);
      assert.equal((await other.maintain()).stalled, 0);
      const second = await claimOne(other);
      assert.equal(second.id, id);
      assert.ok(second.token > first.token);
      assert.deepEqual(await queue.update([{ ...first, leaseMs: LEASE_MS }]), ["lost"]);
      await assert.rejects(queue.complete(first, "stale"), withCode("LEASE_LOST"));
      await assert.rejects(queue.fail(first, { code: "JOB_FAILED", message: "stale" }), withCode("LEASE_LOST"));
      await assert.rejects(queue.release(first), withCode("LEASE_LOST"));
      await other.complete(second, "right");
      assert.equal((await queue.get(id))?.result, "right");
    },
  },
  {
    name: "a renewed lease is not over, and no renewal makes one shorter",
    async run({ queue, other, advance }) {
      await queue.submit({ type: "work" });
      const job = await claimOne(queue);
      await advance(LEASE_MS - 1000);
      assert.deepEqual(await queue.update([{ ...job, leaseMs: LEASE_MS }]), ["held"]);
      assert.deepEqual(await queue.update([{ ...job, leaseMs: 100 }]), ["held"]);
      await advance(LEASE_MS - 1000);
      assert.equal((await other.maintain()).stalled, 0);
      await advance(1001);
      assert.equal((await other.maintain()).stalled, 1);
    },
  },
  {
    name: "a job that stalls more often than it may is a dead letter",
    async run({ queue, advance }) {
      const { id } = await queue.submit({ type: "work", maxStalls: 1 });
      for (const status of ["pending", "dead_letter"]) {
        await claimOne(queue);
        await advance(LEASE_MS + 1);
        await queue.maintain();
        assert.equal(await statusOf(queue, id), status);
      }
      assert.equal((await queue.get(id))?.error?.code, "JOB_STALLED");
    },
  },
  {
    name: "jobs that are kept are not stalled",
    async run({ queue, advance }) {
      const { id } = await queue.submit({ type: "work" });
      const job = await claimOne(queue);
      await advance(LEASE_MS + 1);
      assert.equal((await queue.maintain({ keep: new Set([id]) })).stalled, 0);
      await queue.complete(job, 1);
    },
  },
  {
    name: "a lease can go beyond the time that the job has",
    async run({ queue, advance }) {
      await queue.submit({ type: "work", timeoutMs: 100_000 });
      await claimOne(queue, { types: [{ type: "work", leaseBeyondTimeoutMs: 5000 }] });
      // Whatever runs beside the queue's clock takes less than this.
      await advance(95_000);
      assert.equal((await queue.maintain()).stalled, 0);
      await advance(10_001);
      assert.equal((await queue.maintain()).stalled, 1);
    },
  },
  {
    name: "a job that is given back was not started, and keeps its place",
    async run({ queue, other }) {
      const { id } = await queue.submit({ type: "work" });
      await queue.submit({ type: "work" });
      const [job] = await claim(queue, 1);
      await queue.release(job!);
      const again = (await claim(other, 1))[0];
      assert.equal(again?.id, id);
      assert.equal(again?.attempts, 1);
      assert.ok(again!.token > job!.token);
    },
  },
  {
    name: "to complete it twice is to complete it once",
    async run({ queue, other }) {
      await queue.submit({ type: "work" });
      const job = await claimOne(queue);
      await queue.complete(job, "one");
      await queue.complete(job, "two");
      assert.equal((await other.get(job.id))?.result, "one");
      await assert.rejects(queue.fail(job, { code: "JOB_FAILED", message: "late" }), withCode("LEASE_LOST"));
    },
  },
  {
    name: "progress and lines are there for all, in order",
    async run({ queue, other }) {
      await queue.submit({ type: "work" });
      const job = await claimOne(queue);
      const update = { ...job, leaseMs: LEASE_MS };
      await queue.update([{ ...update, progress: { percent: 40, message: "half" }, log: [line("a"), line("b")] }]);
      await queue.update([{ ...update, log: [line("c")] }]);
      assert.deepEqual((await other.get(job.id))?.progress, { percent: 40, message: "half" });
      const page = await other.logs(job.id);
      assert.deepEqual(
        page.lines.map(({ message }) => message),
        ["a", "b", "c"],
      );
      assert.deepEqual((await other.logs(job.id, page.cursor)).lines, []);
      await queue.update([{ ...update, log: [line("d")] }]);
      assert.deepEqual((await other.logs(job.id, page.cursor)).lines, [line("d")]);
    },
  },
  {
    name: "what a job logs is bounded, and a line says so",
    async run({ queue }) {
      await queue.submit({ type: "work" });
      const job = await claimOne(queue);
      const log = Array.from({ length: 60 }, () => line("x".repeat(4000)));
      for (let n = 0; n < 6; n++) await queue.update([{ ...job, leaseMs: LEASE_MS, log }]);
      const lines: JobLogLine[] = [];
      let page = await queue.logs(job.id);
      for (; page.lines.length > 0; page = await queue.logs(job.id, page.cursor)) lines.push(...page.lines);
      assert.ok(JSON.stringify(lines).length <= JOB_LIMITS.logBytes + 1024);
      assert.match(lines.at(-1)!.message, /log ends here/);
      assert.equal(lines.filter(({ message }) => message.includes("log ends here")).length, 1);
    },
  },
  {
    name: "whoever claims a job anew may settle it through any process, also one that had claimed it before",
    run: async ({ queue, other, advance }) => {
      for (const settle of ["complete", "fail", "release", "update"] as const) {
        const { id } = await queue.submit({ type: "work" });
        await claimOne(queue, { leaseMs: 1000 });
        await advance(1001);
        await other.maintain();
        const lease = await claimOne(other);
        if (settle === "update") {
          assert.deepEqual(await queue.update([{ id, token: lease.token, leaseMs: 1000 }]), ["held"]);
          await queue.complete(lease, null);
        } else if (settle === "fail") await queue.fail(lease, { code: "X", message: "x" });
        else if (settle === "complete") await queue.complete(lease, null);
        else {
          await queue.release(lease);
          await queue.cancel(id);
        }
      }
    },
  },
];
