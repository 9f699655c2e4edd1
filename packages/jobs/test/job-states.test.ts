import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type Backoff,
  backoffMs,
  type ClaimedJob,
  canBecome,
  isFinished,
  JOB_STATUSES,
  JOB_TRANSITIONS,
  KvJobQueue,
} from "../src/index.js";

describe("the state machine", () => {
  test("every status is reached from pending or scheduled, and a completed job stays so", () => {
    const reached = new Set(["pending", "scheduled"]);
    for (let before = 0; before !== reached.size; ) {
      before = reached.size;
      for (const from of JOB_STATUSES) if (reached.has(from)) for (const to of JOB_TRANSITIONS[from]) reached.add(to);
    }
    expect([...reached].sort()).toEqual([...JOB_STATUSES].sort());
    expect(JOB_STATUSES.filter((to) => canBecome("completed", to))).toEqual([]);
  });

  test("whatever is done in whatever order, a job takes only steps of the table, and its token never goes back", async () => {
    const step = fc.constantFrom(
      "claim",
      "complete",
      "fail",
      "permanent",
      "release",
      "cancel",
      "retry",
      "pass",
      "later",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: 1, max: 3 }), async (steps, attempts) => {
        await using store = new MemoryStore();
        let now = 1_900_000_000_000;
        await using queue = new KvJobQueue(store, { clock: { now: () => now } });
        await queue.registerTypes(["work"]);
        const { id } = await queue.submit({ type: "work", attempts, maxStalls: 1, delayMs: attempts - 1 });
        let claimed: ClaimedJob | undefined;
        let token = 0;
        let status = (await queue.get(id))!.status;
        for (const what of steps) {
          const lease = claimed ?? { id, token: 1 };
          const failure = { code: "JOB_FAILED", message: "no", permanent: what === "permanent" };
          const acts: Record<string, () => Promise<unknown>> = {
            claim: async () => {
              [claimed] = await queue.claim({ worker: "w", types: [{ type: "work" }], limit: 1, leaseMs: 1000 });
              if (!claimed) return;
              expect(claimed.token).toBeGreaterThan(token);
              token = claimed.token;
            },
            complete: () => queue.complete(lease, 1),
            fail: () => queue.fail(lease, failure),
            permanent: () => queue.fail(lease, failure),
            release: () => queue.release(lease),
            cancel: () => queue.cancel(id),
            retry: () => queue.retry(id),
            pass: async () => {
              now += 700_000;
              await queue.maintain();
            },
            later: async () => {
              now += 600;
              await queue.maintain();
            },
          };
          await acts[what]!().catch((error) => expect(["LEASE_LOST", "JOB_STATE"]).toContain(error.code));
          const next = (await queue.get(id))!.status;
          // A step of the queue may be two of the table: the end of a lease, and a claim.
          if (next !== status) expect(JOB_TRANSITIONS[status].some((to) => to === next)).toBe(true);
          status = next;
          const listed = await queue.list({ status });
          expect(listed.jobs.map((job) => job.id)).toEqual([id]);
          const { byStatus } = await queue.stats();
          expect(Object.values(byStatus).reduce((sum, count) => sum + count)).toBe(1);
          expect(isFinished(status)).toBe((await queue.get(id))!.finishedAt !== undefined);
        }
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

describe("back-off", () => {
  const jitter = fc.double({ min: 0, max: 1, noNaN: true });
  const delayMs = fc.integer({ min: 0, max: 1_000_000 });

  test("is never longer than without jitter, and never negative", () => {
    const backoff: fc.Arbitrary<Backoff> = fc.oneof(
      fc.record({ type: fc.constant("fixed" as const), delayMs, jitter }),
      fc.record({ type: fc.constant("exponential" as const), delayMs, maxMs: delayMs, jitter }),
      fc.record({ type: fc.constant("list" as const), delaysMs: fc.array(delayMs, { minLength: 1 }), jitter }),
    );
    fc.assert(
      fc.property(backoff, fc.integer({ min: 1, max: 100 }), jitter, (it, failures, random) => {
        const ms = backoffMs(it, failures, () => random);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(backoffMs({ ...it, jitter: 0 }, failures));
      }),
    );
  });

  test("doubles up to its most, and a list ends in its last", () => {
    const exponential: Backoff = { type: "exponential", delayMs: 100, maxMs: 350 };
    expect([1, 2, 3, 90].map((failures) => backoffMs(exponential, failures))).toEqual([100, 200, 350, 350]);
    const list: Backoff = { type: "list", delaysMs: [5, 7] };
    expect([1, 2, 3].map((failures) => backoffMs(list, failures))).toEqual([5, 7, 7]);
  });
});
