import assert from "node:assert/strict";
import type { JobQueue } from "../../queue/contract.js";
import type { QueueCase } from "../queue-case.js";
import { claim, claimOne, statusOf, withCode } from "./claiming.js";

const failure = { code: "JOB_FAILED", message: "no" };
/** Of the type `other`, so that a claim of `work` does not meet it. */
const parentOf = async (queue: JobQueue) => (await queue.submit({ type: "other" })).id;
const claimParent = async (queue: JobQueue) => claimOne(queue, { types: [{ type: "other" }] });

export const dependencyCases: readonly QueueCase[] = [
  {
    name: "a job waits until all that it depends on have completed",
    async run({ queue, other }) {
      const parents = [await parentOf(queue), await parentOf(queue)];
      const { id } = await other.submit({ type: "work", dependsOn: parents });
      assert.deepEqual([...((await queue.get(id))?.waitingFor ?? [])].sort(), [...parents].sort());
      for (const job of await claim(queue, 2, { types: [{ type: "other" }] })) {
        assert.deepEqual(await claim(queue), []);
        await queue.complete(job, null);
      }
      assert.equal((await claimOne(queue)).id, id);
    },
  },
  {
    name: "what is over already is not waited for",
    async run({ queue }) {
      const parent = await parentOf(queue);
      await queue.complete(await claimParent(queue), null);
      const { id } = await queue.submit({ type: "work", dependsOn: [parent] });
      assert.equal((await claimOne(queue)).id, id);
    },
  },
  {
    name: "one that does not complete fails what depends on it, and what depends on that",
    async run({ queue }) {
      const parent = await parentOf(queue);
      const { id: child } = await queue.submit({ type: "work", dependsOn: [parent] });
      const { id: grandchild } = await queue.submit({ type: "work", dependsOn: [child] });
      await queue.fail(await claimParent(queue), failure);
      await queue.maintain();
      for (const id of [child, grandchild]) {
        const job = await queue.get(id);
        assert.equal(job?.status, "failed");
        assert.equal(job?.error?.code, "JOB_DEPENDENCY_FAILED");
      }
      await assert.rejects(queue.submit({ type: "work", dependsOn: [parent] }), withCode("JOB_DEPENDENCY_FAILED"));
    },
  },
  {
    name: "a job that does not mind starts all the same",
    async run({ queue }) {
      const parent = await parentOf(queue);
      const { id } = await queue.submit({ type: "work", dependsOn: [parent], onDependencyFailure: "ignore" });
      await queue.cancel(parent);
      assert.equal((await claimOne(queue)).id, id);
    },
  },
  {
    name: "a delay counts from the submit, also of a job that waits",
    async run({ queue, advance }) {
      const parent = await parentOf(queue);
      const { id } = await queue.submit({ type: "work", dependsOn: [parent], delayMs: 1000 });
      await queue.complete(await claimParent(queue), null);
      assert.equal(await statusOf(queue, id), "scheduled");
      await advance(1001);
      await queue.maintain();
      assert.equal((await claimOne(queue)).id, id);
    },
  },
  {
    name: "a parent that ends while a child is submitted is not missed",
    async run({ queue, other }) {
      for (let round = 0; round < 10; round++) {
        const parent = await parentOf(queue);
        const job = await claimParent(queue);
        await Promise.all([queue.complete(job, null), other.submit({ type: "work", dependsOn: [parent] })]);
        await queue.maintain();
        await queue.complete(await claimOne(queue), null);
      }
    },
  },
  {
    name: "what it depends on has to be there, so that there are no cycles",
    async run({ queue }) {
      const unknown = "019aaaaa-0000-7000-8000-000000000000";
      await assert.rejects(queue.submit({ type: "work", dependsOn: [unknown] }), withCode("JOB_NOT_FOUND"));
    },
  },
];
