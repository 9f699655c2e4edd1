import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type KvEvent, RedisStore } from "../src/index.js";
import { RedisCluster, testStore } from "../src/testing/index.js";

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
}, 30_000);
afterAll(() => cluster[Symbol.asyncDispose]());

testStore({ describe, test }, { name: "redis cluster", open: () => RedisStore.open({ url: cluster.url }) });
