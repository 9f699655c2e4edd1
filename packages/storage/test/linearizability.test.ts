import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { MemoryStore } from "../src/drivers/memory/index.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import type { KeyValueStore } from "../src/index.js";
import { RedisCluster, RedisServer, seededRandom, UnrulyProxy } from "../src/testing/index.js";
import { isLinearizable, type Operation } from "./linearizability/checker.js";
import { record } from "./linearizability/history.js";

/** The soak sets more. */
const HISTORIES = Number(process.env.ASPEN_HISTORIES ?? 15);
const CLIENTS = 4;
const SIZE = { operations: 8 };

async function check(name: string, clients: readonly KeyValueStore[]): Promise<void> {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const history = await record(clients, `lin-${name}-${seed}:`, { seed, ...SIZE });
    if (!isLinearizable(history)) throw new Error(`seed ${seed}: ${JSON.stringify(history, null, 1)}`);
  }
}

describe("the checker", () => {
  const operation = (start: number, end: number, input: Operation["input"], output?: unknown): Operation => ({
    start,
    end,
    input,
    ...(output === undefined ? {} : { output }),
  });
  const put = (start: number, end: number, value: string, output: unknown = true) =>
    operation(start, end, { type: "put", key: "a", value }, output);
  const get = (start: number, end: number, output: unknown) => operation(start, end, { type: "get", key: "a" }, output);

  test("accepts what some order explains", () => {
    expect(isLinearizable([put(0, 10, "1"), get(1, 2, null), get(3, 4, "1")])).toBe(true);
    expect(isLinearizable([put(0, 10, "1"), put(0, 10, "2"), get(11, 12, "1")])).toBe(true);
  });

  test("refuses stale reads, lost updates and values from nowhere", () => {
    expect(isLinearizable([put(0, 1, "1"), get(2, 3, null)])).toBe(false);
    expect(isLinearizable([put(0, 10, "1"), get(1, 2, "1"), get(3, 4, null)])).toBe(false);
    expect(isLinearizable([get(0, 1, "7")])).toBe(false);
    const cas = (start: number) =>
      operation(start, start + 5, { type: "cas", key: "a", expected: null, next: "1" }, { ok: true });
    expect(isLinearizable([cas(0), cas(1)])).toBe(false);
  });

  test("refuses a log that is not in the order of the appends, has one twice, or lacks one", () => {
    const append = (start: number, end: number, value: string) =>
      operation(start, end, { type: "append", value }, true);
    const log = (start: number, output: string) => operation(start, start + 1, { type: "log" }, output);
    const both = [append(0, 1, "1"), append(2, 3, "2")];
    expect(isLinearizable([...both, log(4, "1,2,")])).toBe(true);
    for (const other of ["2,1,", "1,1,2,", "1,", ""]) expect(isLinearizable([...both, log(4, other)])).toBe(false);
    const atOnce = [append(0, 3, "1"), append(1, 4, "2")];
    expect(isLinearizable([...atOnce, log(5, "2,1,")])).toBe(true);
    expect(isLinearizable([...atOnce, log(5, "2,1,"), log(7, "1,2,")])).toBe(false);
    const transact = (value: string) =>
      operation(
        0,
        1,
        { type: "transact", check: "a", expected: null, puts: { a: value }, append: value },
        value === "1",
      );
    expect(isLinearizable([transact("1"), log(2, "1,"), get(4, 5, "1")])).toBe(true);
    expect(isLinearizable([transact("1"), log(2, ""), get(4, 5, "1")])).toBe(false);
  });

  test("lets an operation of unknown outcome happen late or never, but not twice", () => {
    const unknown: Operation = {
      start: 0,
      end: Number.POSITIVE_INFINITY,
      input: { type: "put", key: "a", value: "1" },
    };
    expect(isLinearizable([unknown, get(5, 6, null), get(7, 8, "1")])).toBe(true);
    expect(isLinearizable([unknown, get(5, 6, null)])).toBe(true);
    const wiped = operation(9, 10, { type: "delete", key: "a" }, true);
    expect(isLinearizable([unknown, get(7, 8, "1"), wiped, get(11, 12, "1")])).toBe(false);
  });
});

describe("random histories are linearizable", () => {
  test("in memory", async () => {
    await using store = new MemoryStore();
    await check("memory", Array(CLIENTS).fill(store.kv));
  });

  test("on LMDB", async () => {
    const directory = await mkdtemp(join(tmpdir(), "aspen-lin-"));
    {
      await using store = await EmbeddedStore.open({ directory });
      await check("embedded", Array(CLIENTS).fill(store.kv));
    }
    await rm(directory, { recursive: true });
  });

  test("on Redis, of several connections", async () => {
    await using server = await RedisServer.start();
    const stores = await Promise.all(Array.from({ length: CLIENTS }, () => RedisStore.open({ url: server.url })));
    await check(
      "redis",
      stores.map(({ kv }) => kv),
    );
    for (const store of stores) await store[Symbol.asyncDispose]();
  });

  test("on a Redis Cluster, of several connections", async () => {
    await using cluster = await RedisCluster.start();
    const stores = await Promise.all(Array.from({ length: CLIENTS }, () => RedisStore.open({ url: cluster.url })));
    await check(
      "cluster",
      stores.map(({ kv }) => kv),
    );
    for (const store of stores) await store[Symbol.asyncDispose]();
  });

  test("on Redis, over connections that are delayed and cut", async () => {
    await using server = await RedisServer.start();
    await using proxy = await UnrulyProxy.start(server.port, seededRandom(7));
    const url = `redis://127.0.0.1:${proxy.port}`;
    const stores = await Promise.all(
      Array.from({ length: CLIENTS }, () => RedisStore.open({ url, commandTimeoutMs: 10_000 })),
    );
    const cutting = setInterval(() => proxy.cut(), 150);
    await check(
      "cut",
      stores.map(({ kv }) => kv),
    );
    clearInterval(cutting);
    for (const store of stores) await store[Symbol.asyncDispose]();
  });
});
