import assert from "node:assert/strict";
import type { QueueCase } from "../queue-case.js";
import { claim, claimOne, LEASE_MS } from "./claiming.js";

export const claimCases: readonly QueueCase[] = [
  {
    name: "jobs are claimed in the order of their submits",
    async run({ queue }) {
      const ids: string[] = [];
      for (let n = 0; n < 12; n++) ids.push((await queue.submit({ type: "work" })).id);
      const claimed = [...(await claim(queue, 5)), ...(await claim(queue, 7))];
      assert.deepEqual(
        claimed.map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: "a higher priority comes first",
    async run({ queue, advance }) {
      const ids: string[] = [];
      for (const priority of [-10, 0, 3, 10]) ids.push((await queue.submit({ type: "work", priority })).id);
      await advance(1000);
      const claimed = [...(await claim(queue, 1)), ...(await claim(queue, 3))];
      assert.deepEqual(
        claimed.map(({ id }) => id),
        ids.reverse(),
      );
    },
  },
  {
    name: "waiting makes up for a low priority",
    needs: "ageing",
    async run({ queue, advance }) {
      const { id: low } = await queue.submit({ type: "work", priority: -10 });
      await advance(60_000);
      const { id: high } = await queue.submit({ type: "work", priority: 10 });
      assert.equal((await claim(queue, 1))[0]?.id, high);
      // Twenty steps of a minute each.
      await advance(20 * 60_000);
      const { id: late } = await queue.submit({ type: "work", priority: 10 });
      assert.deepEqual(
        (await claim(queue, 2)).map(({ id }) => id),
        [low, late],
      );
    },
  },
  {
    name: "nobody gets what another has",
    async run({ queue, other }) {
      const submits = Array.from({ length: 60 }, (_, n) => queue.submit({ type: "work", payload: n }));
      const ids = (await Promise.all(submits)).map(({ id }) => id);
      const claimed: string[] = [];
      for (let round = 0; claimed.length < ids.length && round < 200; round++) {
        const jobs = await Promise.all([queue, other, queue, other].map((it) => claim(it, 4)));
        claimed.push(...jobs.flat().map(({ id }) => id));
      }
      assert.deepEqual(claimed.sort(), ids.sort());
    },
  },
  {
    name: "only the types that were asked for, and no more of one than its limit",
    async run({ queue }) {
      for (let n = 0; n < 4; n++) {
        await queue.submit({ type: "work" });
        await queue.submit({ type: "other" });
      }
      const only = await queue.claim({ worker: "w", types: [{ type: "other" }], limit: 1, leaseMs: LEASE_MS });
      assert.deepEqual(
        only.map(({ type }) => type),
        ["other"],
      );
      const types = [{ type: "work", limit: 2 }, { type: "other" }];
      const both = await queue.claim({ worker: "w", types, limit: 10, leaseMs: LEASE_MS });
      assert.deepEqual(both.map(({ type }) => type).sort(), ["other", "other", "other", "work", "work"]);
    },
  },
  {
    name: "groups take turns: one with many jobs does not hold up one with few",
    needs: "groups",
    async run({ queue }) {
      for (let n = 0; n < 30; n++) await queue.submit({ type: "work", group: "many" });
      for (let n = 0; n < 3; n++) await queue.submit({ type: "work", group: "few" });
      const claimed = [];
      for (let n = 0; n < 8; n++) claimed.push(...(await claim(queue, 1)));
      assert.equal(claimed.filter(({ group }) => group === "few").length, 3);
      const rest = await claim(queue, 10);
      assert.equal(rest.length, 10);
      assert.ok(rest.every(({ group }) => group === "many"));
    },
  },
  {
    name: "a group that was empty is seen again",
    async run({ queue, other }) {
      for (let n = 0; n < 3; n++) {
        await queue.submit({ type: "work", group: "g" });
        await claimOne(other);
        assert.deepEqual(await claim(other), []);
      }
    },
  },
  {
    name: "a rate holds for all who claim, and its window ends",
    async run({ queue, other, advance }) {
      for (let n = 0; n < 6; n++) await queue.submit({ type: "work" });
      const types = [{ type: "work", rate: { max: 2, perMs: 60_000 } }];
      assert.equal((await claim(queue, 10, { types })).length, 2);
      assert.equal((await claim(other, 10, { types })).length, 0);
      await advance(60_001);
      assert.equal((await claim(other, 1, { types })).length, 1);
      assert.equal((await claim(queue, 10, { types })).length, 1);
    },
  },
  {
    name: "who listens hears of jobs that another process submits",
    async run({ queue, other }) {
      let hear = (): void => {};
      const heard = new Promise<void>((resolve) => {
        hear = resolve;
      });
      using _ = other.subscribe((signal) => {
        if (signal.kind === "ready" && signal.type === "work") hear();
      });
      await queue.submit({ type: "work" });
      await heard;
    },
  },
];
