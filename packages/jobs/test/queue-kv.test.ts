import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeUtf8 } from "@aspen/plugin-api";
import type { Store } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { MemoryStore } from "@aspen/storage/memory";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type JobEvent, KvJobQueue } from "../src/index.js";
import { testJobQueue } from "../src/testing/index.js";

let server: RedisServer;
let directory: string;
beforeAll(async () => {
  server = await RedisServer.start();
  directory = await mkdtemp(join(tmpdir(), "aspen-jobs-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

let namespaces = 0;

/** A queue in a namespace of its own, by a clock that the test turns on. */
function on(open: () => Promise<[Store, Store]>) {
  return async () => {
    const [store, second] = await open();
    namespaces += 1;
    let now = 1_900_000_000_000;
    const options = { namespace: `jobs-${process.pid}-${namespaces}:`, clock: { now: () => now } };
    const queue = new KvJobQueue(store, options);
    const other = new KvJobQueue(second, options);
    return {
      queue,
      other,
      advance: async (ms: number) => {
        now += ms;
      },
      events: async () => {
        const { entries } = await store.kv.scan({ prefix: `${options.namespace}__events:` });
        return entries.flatMap(({ value }) => JSON.parse(decodeUtf8(value)) as JobEvent[]);
      },
      async [Symbol.asyncDispose]() {
        await queue[Symbol.asyncDispose]();
        await other[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
        if (second !== store) await second[Symbol.asyncDispose]();
      },
    };
  };
}

const alone = (store: Store): [Store, Store] => [store, store];
const openRedis = () => RedisStore.open({ url: server.url });

testJobQueue({ describe, test }, { name: "memory", open: on(async () => alone(new MemoryStore())) });
testJobQueue(
  { describe, test },
  { name: "embedded", open: on(async () => alone(await EmbeddedStore.open({ directory }))) },
);
testJobQueue({ describe, test }, { name: "redis", open: on(async () => [await openRedis(), await openRedis()]) });
