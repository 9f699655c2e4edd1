import { MemoryStore } from "@aspen/storage/memory";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, afterEach, beforeAll, describe, jest, test } from "@jest/globals";
import { Redis } from "ioredis";
import { BullMqJobQueue } from "../../src/bullmq.js";
import { testJobQueue } from "../../src/testing/index.js";

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
afterEach(() => {
  jest.restoreAllMocks();
});

let queues = 0;

/** BullMQ goes by the clock of the process, and its locks by that of Redis: both are turned on. */
async function open() {
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  const second = redis.duplicate();
  const store = new MemoryStore();
  queues += 1;
  const prefix = `jobs-${process.pid}-${queues}`;
  const queue = new BullMqJobQueue(store, { redis, prefix });
  const other = new BullMqJobQueue(store, { redis: second, prefix });
  const now = Date.now.bind(Date);
  let ahead = 0;
  jest.spyOn(Date, "now").mockImplementation(() => now() + ahead);
  return {
    queue,
    other,
    advance: async (ms: number) => {
      ahead += ms;
      const keys = await redis.keys(`{${prefix}}:*`);
      for (const key of keys) {
        const left = await redis.pttl(key);
        if (left < 0) continue;
        if (left <= ms) await redis.del(key);
        else await redis.pexpire(key, left - ms);
      }
    },
    events: async () => (await queue.events()).events,
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
      redis.disconnect();
      second.disconnect();
      await store[Symbol.asyncDispose]();
    },
  };
}

testJobQueue({ describe, test }, { name: "BullMQ", open, without: ["ageing", "groups"] });
