import { deepEqual } from "node:assert/strict";
import type { QueueCase, QueueUnderTest } from "../queue-case.js";
import { claimOne } from "./claiming.js";

async function kindsOf({ events }: QueueUnderTest, id: string): Promise<string[]> {
  return (await events()).filter((event) => event.id === id).map(({ kind }) => kind);
}

/** The outbox: each change of a status, in order, and nothing else. */
export const eventCases: readonly QueueCase[] = [
  {
    name: "each change of a job's status has its event, in the order of the changes, and no more than one",
    run: async (under) => {
      const { queue, advance } = under;
      const backoff = { type: "fixed", delayMs: 1000 } as const;
      const { id } = await queue.submit({ type: "work", attempts: 2, backoff, delayMs: 1000, group: "g" });
      await advance(1000);
      await queue.maintain();
      const first = await claimOne(queue);
      await queue.update([{ id, token: first.token, leaseMs: 60_000, progress: { percent: 1 } }]);
      await queue.fail(first, { code: "X", message: "x" });
      await advance(1000);
      await queue.maintain();
      const second = await claimOne(queue);
      await queue.complete(second, 1);
      await queue.complete(second, 1);
      const [event] = await under.events();
      deepEqual({ type: event!.type, group: event!.group }, { type: "work", group: "g" });
      await queue.remove(id);
      deepEqual(
        await kindsOf(under, id),
        ["scheduled", "pending", "running", "retrying", "pending", "running", "completed", "removed"].map(
          (what) => `job.${what}`,
        ),
      );
    },
  },
  {
    name: "a stall, a cancel, a retry by hand and a failure for good have their events",
    run: async (under) => {
      const { queue, other, advance } = under;
      const { id } = await queue.submit({ type: "work", maxStalls: 1 });
      await claimOne(queue, { leaseMs: 1000 });
      await advance(1001);
      await other.maintain();
      await other.cancel(id);
      await queue.retry(id);
      await queue.fail(await claimOne(other), { code: "X", message: "x", permanent: true });
      deepEqual(
        await kindsOf(under, id),
        ["pending", "running", "pending", "cancelled", "pending", "running", "failed"].map((what) => `job.${what}`),
      );
    },
  },
];
