import { encodeUtf8 } from "@aspen/plugin-api";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Redis } from "ioredis";
import { RedisStore } from "../src/drivers/redis/index.js";
import { RedisServer } from "../src/testing/index.js";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await RedisServer.start();
  admin = new Redis(server.url);
});
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(async () => {
  admin.disconnect();
  await server[Symbol.asyncDispose]();
});

function setClock(clock: { now(): number }, offset: number): void {
  const now = clock.now.bind(clock);
  jest.spyOn(clock, "now").mockImplementation(() => now() + offset);
}

describe("when the wall clock is set while a redis store is used", () => {
  test("forward, a command is still tried again until its deadline", async () => {
    await using store = await RedisStore.open({ url: server.url, commandTimeoutMs: 20_000 });
    await admin.call("CLIENT", "PAUSE", "600000", "WRITE");
    // Its first command registers the namespace, which may be sent twice.
    const write = store.kv.put("b:1", encodeUtf8("1"));
    setClock(Date, HOUR_MS);
    await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await admin.call("CLIENT", "UNPAUSE");
    expect(await write).toBe(1);
  }, 30_000);

  test.each([-HOUR_MS, 0])("by %d ms, a namespace is registered again after a minute", async (wall) => {
    await using store = await RedisStore.open({ url: server.url, keyPrefix: `set${wall}` });
    await store.kv.put("a:1", encodeUtf8("1"));
    const registry = `set${wall}:namespaces`;
    const members = await admin.smembers(registry);
    expect(members).toContain("a:");
    await admin.srem(registry, "a:");
    setClock(Date, wall);
    setClock(performance, MINUTE_MS + 1);
    await store.kv.put("a:1", encodeUtf8("2"));
    expect(await admin.smembers(registry)).toEqual(members);
  });
});
