import assert from "node:assert/strict";
import type { JobEnd } from "../../ends/job-end.js";
import type { QueueCase } from "../queue-case.js";
import { claimOne } from "./claiming.js";

const tell = { plugin: "shop", chain: ["plugin:shop"] };
const shown = (ends: readonly JobEnd[]) => ends.map(({ id, status }) => ({ id, status }));

/** The ends of jobs that somebody is to be told of. */
export const endCases: readonly QueueCase[] = [
  {
    name: "an end is kept until it was told, with what is to be told, and those of other jobs are not",
    async run({ queue, other }) {
      const ended: string[] = [];
      using _ = queue.subscribe((hint) => {
        if (hint.kind === "ended") ended.push(hint.id);
      });
      await queue.submit({ type: "work" });
      await queue.complete(await claimOne(queue), 1);
      const { id } = await queue.submit({ type: "work", tell, attempts: 2, backoff: { type: "fixed", delayMs: 0 } });
      assert.deepEqual(await other.untold(), []);
      await queue.fail(await claimOne(queue), { code: "X", message: "x" });
      assert.deepEqual(await other.untold(id), []);
      await queue.maintain();
      await queue.complete(await claimOne(queue), 2);
      const [end, ...more] = await other.untold();
      assert.deepEqual(more, []);
      const { finishedAt, ...rest } = end!;
      assert.equal(finishedAt, (await queue.get(id))?.finishedAt);
      assert.deepEqual(rest, { id, type: "work", status: "completed", audience: tell, attempts: 2 });
      assert.deepEqual(await queue.untold(id), [end]);
      await other.told(end!);
      assert.deepEqual([await queue.untold(), await queue.untold(id)], [[], []]);
      assert.ok(ended.includes(id));
    },
  },
  {
    name: "an end is told however a job ends: failed, dead, cancelled, stalled, for its dependency; and once more after a retry",
    async run({ queue, advance }) {
      const endOf = async (id: string) => (await queue.untold(id)).at(-1);
      const failed = await queue.submit({ type: "work", tell });
      await queue.fail(await claimOne(queue), { code: "X", message: "why" });
      const first = await endOf(failed.id);
      assert.deepEqual([first?.status, first?.error], ["failed", { code: "X", message: "why" }]);
      const dead = await queue.submit({ type: "work", tell, maxStalls: 0 });
      await claimOne(queue, { leaseMs: 1000 });
      await advance(1001);
      await queue.maintain();
      assert.equal((await endOf(dead.id))?.status, "dead_letter");
      const cancelled = await queue.submit({ type: "work", tell, delayMs: 5000 });
      const child = await queue.submit({ type: "work", tell, dependsOn: [cancelled.id] });
      await queue.cancel(cancelled.id);
      await queue.maintain();
      assert.equal((await endOf(cancelled.id))?.status, "cancelled");
      assert.equal((await endOf(child.id))?.error?.code, "JOB_DEPENDENCY_FAILED");
      await queue.told(first!);
      await queue.retry(failed.id);
      assert.equal(await endOf(failed.id), undefined);
      await advance(10);
      await queue.complete(await claimOne(queue), null);
      assert.equal((await endOf(failed.id))?.status, "completed");
      // Of a job that is forgotten before it was told.
      await queue.remove(failed.id);
      assert.equal((await endOf(failed.id))?.status, "completed");
      const all = new Map<string, string>();
      for (let look = 0; look < 3; look++)
        for (const { id, status } of shown(await queue.untold())) all.set(id, status);
      assert.equal(all.size, 4);
    },
  },
];
