import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { MemoryStore } from "@aspen/storage/memory";
import { RedisStore } from "@aspen/storage/redis";
import { RedisCluster, RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Leases } from "../src/index.js";
import { testLayers } from "../src/testing/index.js";

let server: RedisServer;
let cluster: RedisCluster;
let directory: string;
beforeAll(async () => {
  server = await RedisServer.start();
  cluster = await RedisCluster.start();
  directory = await mkdtemp(join(tmpdir(), "aspen-layers-"));
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

testLayers({ describe, test }, { name: "memory", open: async () => new MemoryStore() });
testLayers({ describe, test }, { name: "embedded", open: () => EmbeddedStore.open({ directory }) });
testLayers({ describe, test }, { name: "redis", open: () => RedisStore.open({ url: server.url }) });
testLayers({ describe, test }, { name: "redis cluster", open: () => RedisStore.open({ url: cluster.url }) });

test("bad options and keys are refused", async () => {
  await using store = new MemoryStore();
  expect(() => new Leases(store.kv, { ttlMs: 1 })).toThrow(expect.objectContaining({ code: "INVALID_PARAMS" }));
  await expect(new Leases(store.kv).tryAcquire("bare")).rejects.toMatchObject({ code: "INVALID_PARAMS" });
});
