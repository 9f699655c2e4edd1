import assert from "node:assert/strict";
import type { QueueCase } from "../queue-case.js";
import { claim, claimOne, statusOf } from "./claiming.js";

const failure = { code: "JOB_FAILED", message: "no" };

export const failureCases: readonly QueueCase[] = [
  {
    name: "attempts follow each other by the back-off, and then it is a dead letter",
    async run({ queue, advance }) {
      const backoff = { type: "list", delaysMs: [1000, 4000] } as const;
      const { id } = await queue.submit({ type: "work", attempts: 3, backoff });
      for (const [attempt, wait] of [1000, 4000].entries()) {
        const job = await claimOne(queue);
        assert.equal(job.attempts, attempt + 1);
        assert.equal(await queue.fail(job, failure), "retrying");
        await advance(wait - 500);
        await queue.maintain();
        assert.deepEqual(await claim(queue), []);
        await advance(501);
        await queue.maintain();
      }
      assert.equal(await queue.fail(await claimOne(queue), failure), "dead_letter");
      const job = await queue.get(id);
      assert.deepEqual(job?.error, failure);
      assert.deepEqual(
        (await queue.list({ status: "dead_letter" })).jobs.map((it) => it.id),
        [id],
      );
    },
  },
  {
    name: "a permanent failure is not tried again",
    async run({ queue }) {
      await queue.submit({ type: "work", attempts: 5 });
      assert.equal(await queue.fail(await claimOne(queue), { ...failure, permanent: true }), "failed");
    },
  },
  {
    name: "a job of one attempt fails with it",
    async run({ queue, other }) {
      const { id } = await queue.submit({ type: "work" });
      const job = await claimOne(queue);
      assert.equal(await queue.fail(job, failure), "failed");
      assert.equal(await queue.fail(job, failure), "failed");
      assert.equal(await statusOf(other, id), "failed");
    },
  },
  {
    name: "an attempt that succeeds leaves no error",
    async run({ queue, advance }) {
      const { id } = await queue.submit({ type: "work", attempts: 2, backoff: { type: "fixed", delayMs: 10 } });
      await queue.fail(await claimOne(queue), failure);
      await advance(11);
      await queue.maintain();
      await queue.complete(await claimOne(queue), { done: true });
      const job = await queue.get(id);
      assert.equal(job?.status, "completed");
      assert.equal(job?.error, undefined);
      assert.deepEqual(job?.result, { done: true });
    },
  },
];
