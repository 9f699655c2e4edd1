import { EventLog } from "@aspen/layers";
import { decodeUtf8 } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { EndTeller } from "../src/ends/end-teller.js";
import { KvJobQueue } from "../src/index.js";
import { silent, until } from "./helpers.js";

const NAMESPACE = "__plugin:shop:";

async function bench() {
  const store = new MemoryStore();
  const queue = new KvJobQueue(store);
  await queue.registerTypes(["mail"]);
  const { kv } = store;
  const events = async () =>
    (await new EventLog(kv).read(NAMESPACE)).map(({ topic, subject, source, chain, data }) => ({
      ...{ topic, subject, source, chain, data: JSON.parse(decodeUtf8(data)) },
    }));
  const some = async (count: number) => {
    await until(async () => (await events()).length >= count);
    return events();
  };
  const end = async () => {
    const { id } = await queue.submit({ type: "mail", tell: { plugin: "shop", chain: ["plugin:shop"] } });
    const [job] = await queue.claim({ worker: "w", types: [{ type: "mail" }], limit: 1, leaseMs: 60_000 });
    await queue.complete(job!, null);
    return id;
  };
  return {
    ...{ store, kv, queue, events, some, end },
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

test("the ends of jobs become events, those of before the start as well, and are told no more", async () => {
  await using it = await bench();
  const before = await it.end();
  await using _ = new EndTeller({ queue: it.queue, kv: it.kv, logger: silent });
  await it.some(1);
  const after = await it.end();
  const [first, second, ...more] = await it.some(2);
  expect(first).toEqual({
    ...{ topic: "job.completed", subject: before, source: "aspen:jobs", chain: ["plugin:shop"] },
    data: { id: before, type: "mail", status: "completed", attempts: 1, finishedAt: expect.any(Number) },
  });
  expect([second?.subject, more]).toEqual([after, []]);
  await until(async () => (await it.queue.untold()).length === 0);
});

test("an end is one event, however many tell it, and whoever dies before the queue hears that it was told", async () => {
  await using it = await bench();
  const { queue, kv } = it;
  const dying = {
    untold: (id?: string) => queue.untold(id),
    told: () => Promise.reject(new Error("dead")),
    subscribe: () => ({ [Symbol.dispose]: () => undefined }),
  };
  const id = await it.end();
  {
    await using _ = new EndTeller({ queue: dying, kv, logger: silent });
    await it.some(1);
  }
  expect(await queue.untold()).toHaveLength(1);
  {
    await using _one = new EndTeller({ queue, kv, logger: silent });
    await using _two = new EndTeller({ queue, kv, logger: silent });
    await until(async () => (await queue.untold()).length === 0);
  }
  expect((await it.events()).map(({ subject }) => subject)).toEqual([id]);
});
