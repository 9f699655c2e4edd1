import assert from "node:assert/strict";
import { JOB_STATUSES } from "../../job-states.js";
import type { QueueCase } from "../queue-case.js";
import { claim, claimOne, LEASE_MS, statusOf, withCode } from "./claiming.js";

const failure = { code: "JOB_FAILED", message: "no" };

export const controlCases: readonly QueueCase[] = [
  {
    name: "a job that does not run is cancelled at once",
    async run({ queue, other }) {
      const ids = [await queue.submit({ type: "work" }), await queue.submit({ type: "work", delayMs: 1000 })];
      for (const { id } of ids) {
        assert.equal((await other.cancel(id, "enough")).status, "cancelled");
        assert.match((await queue.get(id))?.error?.message ?? "", /enough/);
        // A second time changes nothing.
        assert.equal((await queue.cancel(id)).status, "cancelled");
      }
      assert.deepEqual(await claim(queue), []);
    },
  },
  {
    name: "the worker of a running job hears of the cancel, and settles it",
    async run({ queue, other }) {
      const { id } = await queue.submit({ type: "work", attempts: 3 });
      const job = await claimOne(queue);
      let hear = (): void => {};
      const heard = new Promise<void>((resolve) => {
        hear = resolve;
      });
      using _ = queue.subscribe((signal) => {
        if (signal.kind === "cancel" && signal.id === id) hear();
      });
      const after = await other.cancel(id);
      assert.equal(after.status, "running");
      assert.ok(after.cancelRequested);
      await heard;
      assert.deepEqual(await queue.update([{ ...job, leaseMs: LEASE_MS }]), ["cancelled"]);
      assert.equal(await queue.fail(job, failure), "cancelled");
      assert.equal((await other.get(id))?.error?.code, "JOB_CANCELLED");
    },
  },
  {
    name: "a cancelled job whose worker is gone, gives it back or completes it, is cancelled",
    async run({ queue, advance }) {
      const ends = [
        (job: { id: string; token: number }) => queue.complete(job, 1),
        (job: { id: string; token: number }) => queue.release(job),
        async () => {
          await advance(LEASE_MS + 1);
          await queue.maintain();
        },
      ];
      for (const end of ends) {
        const { id } = await queue.submit({ type: "work" });
        const job = await claimOne(queue);
        await queue.cancel(id);
        await end(job);
        assert.equal(await statusOf(queue, id), "cancelled");
        assert.equal((await queue.get(id))?.result, undefined);
      }
    },
  },
  {
    name: "a finished job that did not complete can be tried anew, and no other",
    async run({ queue }) {
      const { id } = await queue.submit({ type: "work", attempts: 2, backoff: { type: "fixed", delayMs: 0 } });
      await assert.rejects(queue.retry(id), withCode("JOB_STATE"));
      for (let attempt = 0; attempt < 2; attempt++) {
        await queue.maintain();
        await queue.fail(await claimOne(queue), failure);
      }
      assert.equal(await statusOf(queue, id), "dead_letter");
      assert.equal((await queue.retry(id)).status, "pending");
      const job = await claimOne(queue);
      assert.equal(job.attempts, 1);
      await queue.complete(job, 1);
      await assert.rejects(queue.retry(id), withCode("JOB_STATE"));
      await assert.rejects(queue.cancel(id), withCode("JOB_STATE"));
    },
  },
  {
    name: "a job that is removed is gone, and a job that runs cannot be removed",
    async run({ queue }) {
      const { id } = await queue.submit({ type: "work" });
      const job = await claimOne(queue);
      await assert.rejects(queue.remove(id), withCode("JOB_STATE"));
      await queue.complete(job, 1);
      await queue.remove(id);
      assert.equal(await queue.get(id), null);
      for (const act of [queue.remove(id), queue.retry(id), queue.cancel(id), queue.wait(id)]) {
        await assert.rejects(act, withCode("JOB_NOT_FOUND"));
      }
    },
  },
  {
    name: "lists have what was asked for, page by page",
    async run({ queue }) {
      const ids: string[] = [];
      for (let n = 0; n < 25; n++) {
        const { id } = await queue.submit({
          type: n % 5 === 0 ? "other" : "work",
          group: n % 2 === 0 ? "even" : "odd",
          ...(n < 3 ? { submitter: "token:a" } : {}),
        });
        ids.push(id);
      }
      const all = async (options: Parameters<typeof queue.list>[0]) => {
        const found: string[] = [];
        let page = await queue.list(options);
        for (;;) {
          found.push(...page.jobs.map(({ id }) => id));
          if (page.cursor === null) return found;
          page = await queue.list({ ...options, after: page.cursor });
        }
      };
      assert.deepEqual(await all({ limit: 4 }), [...ids].reverse());
      assert.deepEqual((await all({ status: "pending", limit: 3 })).sort(), [...ids].sort());
      assert.equal((await all({ type: "other", limit: 2 })).length, 5);
      assert.equal((await all({ type: "work", group: "even", status: "pending", limit: 2 })).length, 10);
      assert.deepEqual(await all({ submitter: "token:a", limit: 1 }), ids.slice(0, 3).reverse());
      assert.deepEqual(await all({ submitter: "token:b", status: "pending" }), []);
      assert.deepEqual(await all({ status: "completed" }), []);
      await assert.rejects(queue.list({ limit: 0 }), withCode("INVALID_PARAMS"));
      await assert.rejects(queue.list({ status: "gone" as never }), withCode("INVALID_PARAMS"));
    },
  },
  {
    name: "statistics count jobs by status and type",
    async run({ queue, other }) {
      for (let n = 0; n < 4; n++) await queue.submit({ type: "work" });
      await queue.submit({ type: "other", delayMs: 1000 });
      const [first] = await claim(queue, 2);
      await queue.complete(first!, null);
      const { byStatus, byType } = await other.stats();
      const none = Object.fromEntries(JOB_STATUSES.map((status) => [status, 0]));
      assert.deepEqual(byStatus, { ...none, pending: 2, running: 1, completed: 1, scheduled: 1 });
      assert.deepEqual(byType, { other: { waiting: 0, running: 0 }, work: { waiting: 2, running: 1 } });
    },
  },
  {
    name: "who waits gets the job when it is finished",
    async run({ queue, other }) {
      const { id } = await queue.submit({ type: "work" });
      const waiting = other.wait(id);
      await queue.complete(await claimOne(queue), { n: 7 });
      assert.deepEqual((await waiting).result, { n: 7 });
      assert.equal((await other.wait(id)).status, "completed");
    },
  },
];
