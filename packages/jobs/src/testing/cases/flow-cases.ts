import assert from "node:assert/strict";
import type { JobQueue } from "../../queue/contract.js";
import type { QueueCase } from "../queue-case.js";
import { claim, claimOne, statusOf, withCode } from "./claiming.js";

const failure = { code: "JOB_FAILED", message: "no" };
const named = (name: string, dependsOn: string[] = [], more: object = {}) => ({
  name,
  type: "work",
  dependsOn,
  ...more,
});

async function completeOne(queue: JobQueue): Promise<string> {
  const job = await claimOne(queue);
  await queue.complete(job, null);
  await queue.maintain();
  return job.id;
}

export const flowCases: readonly QueueCase[] = [
  {
    name: "the jobs of a flow start in their order, whichever comes first in the list",
    async run({ queue, other }) {
      const { ids } = await other.submitFlow([
        named("report", ["left", "right"], { payload: 3 }),
        named("left", ["root"]),
        named("right", ["root"]),
        named("root"),
      ]);
      assert.deepEqual(Object.keys(ids).sort(), ["left", "report", "right", "root"]);
      assert.equal(await completeOne(queue), ids.root);
      const both = await claim(queue);
      assert.deepEqual(new Set(both.map(({ id }) => id)), new Set([ids.left, ids.right]));
      await queue.complete(both[0]!, null);
      assert.deepEqual(await claim(queue), []);
      await queue.complete(both[1]!, null);
      const last = await claimOne(queue);
      assert.deepEqual([last.id, last.payload], [ids.report, 3]);
    },
  },
  {
    name: "a job of a flow that fails fails what waits for it, but for what does not mind",
    async run({ queue }) {
      const { ids } = await queue.submitFlow([
        named("root"),
        named("strict", ["root"]),
        named("after", ["strict"]),
        named("lenient", ["root"], { onDependencyFailure: "ignore" }),
      ]);
      await queue.fail(await claimOne(queue), failure);
      await queue.maintain();
      assert.equal(await statusOf(queue, ids.strict!), "failed");
      assert.equal(await statusOf(queue, ids.after!), "failed");
      assert.equal(await completeOne(queue), ids.lenient);
    },
  },
  {
    name: "a flow waits for jobs that were there before",
    async run({ queue, other }) {
      const { id: before } = await queue.submit({ type: "other" });
      const { ids } = await other.submitFlow([named("a", [before]), named("b", [before, "a"]), named("c")]);
      assert.equal(await completeOne(queue), ids.c);
      const job = await claimOne(queue, { types: [{ type: "other" }] });
      await queue.complete(job, null);
      assert.equal(await completeOne(queue), ids.a);
      assert.equal(await completeOne(queue), ids.b);
    },
  },
  {
    name: "a flow that cannot be submitted as a whole leaves nothing",
    async run({ queue }) {
      const { id } = await queue.submit({ type: "other" });
      await queue.cancel(id);
      const gone = "00000000-0000-0000-0000-000000000000";
      const refused: [object[], string][] = [
        [[], "INVALID_PARAMS"],
        [[named("a"), named("a")], "INVALID_PARAMS"],
        [[named("a b")], "INVALID_PARAMS"],
        [[named(gone)], "INVALID_PARAMS"],
        [[named("a", ["b"]), named("b", ["c"]), named("c", ["a"])], "INVALID_PARAMS"],
        [[named("a", ["a"])], "INVALID_PARAMS"],
        [[named("a", ["nobody"])], "INVALID_PARAMS"],
        [[named("a", [], { idempotencyKey: "k" })], "INVALID_PARAMS"],
        [[named("a"), named("b", [], { attempts: 0 })], "INVALID_PARAMS"],
        [[named("a"), named("b", [], { type: "nobody" })], "JOB_TYPE_UNKNOWN"],
        [[named("a"), named("b", [gone])], "JOB_NOT_FOUND"],
        [[named("a"), named("b", [id])], "JOB_DEPENDENCY_FAILED"],
        [Array.from({ length: 101 }, (_, index) => named(`j${index}`)), "INVALID_PARAMS"],
      ];
      for (const [jobs, code] of refused) await assert.rejects(queue.submitFlow(jobs as never), withCode(code));
      assert.deepEqual(await claim(queue), []);
      assert.deepEqual((await queue.list({ type: "work" })).jobs, []);
    },
  },
  {
    name: "a flow of a hundred jobs in a row",
    async run({ queue }) {
      const jobs = Array.from({ length: 100 }, (_, index) => named(`j${index}`, index === 0 ? [] : [`j${index - 1}`]));
      const { ids } = await queue.submitFlow(jobs);
      for (const index of [0, 1, 2]) assert.equal(await completeOne(queue), ids[`j${index}`]);
      assert.deepEqual((await queue.get(ids.j99!))?.waitingFor, [ids.j98]);
    },
  },
];
