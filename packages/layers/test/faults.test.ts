import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeUtf8, isAspenError } from "@aspen/plugin-api";
import { RedisStore } from "@aspen/storage/redis";
import { RedisCluster, RedisServer, seededRandom, UnrulyProxy } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import type { Scan } from "./faults/check-history.js";
import { type Faults, runHistories } from "./faults/histories.js";

/** The soak sets more. */
const HISTORIES = Number(process.env.ASPEN_HISTORIES ?? 3);
const TIMEOUT_MS = 120_000 + HISTORIES * 60_000;

function report(name: string, faults: Faults): void {
  if (HISTORIES > 10) console.log(`${name}: ${HISTORIES} histories, ${JSON.stringify(faults)}`);
  expect(faults.cut + faults.stopped + faults.killed).toBeGreaterThanOrEqual(HISTORIES);
}

/** Numbers for a proxy that leaves most connections alone for a while: otherwise one lasts for ten commands. */
function calmly(next: () => number): () => number {
  return () => {
    const number = next();
    return number < 0.03 && next() < 0.8 ? 0.5 : number;
  };
}

/** Reads a store over connections that are cut. */
const scanOf =
  ({ kv }: RedisStore): Scan =>
  async (prefix) => {
    for (;;) {
      try {
        const { entries } = await kv.scan({ prefix, limit: 10_000 });
        return entries.map(({ key, value }) => [key, decodeUtf8(value)]);
      } catch (error) {
        if (!isAspenError(error) || error.code !== "STORE_UNAVAILABLE") throw error;
      }
    }
  };

test(
  "three nodes in one process on LMDB, stopped and killed: leases fence, events are consumed in order",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "aspen-faults-"));
    const args = ["embedded", directory];
    report("LMDB", await runHistories({ name: "lmdb", args, processes: 1, nodes: 3, cut: () => {} }, HISTORIES));
    await rm(directory, { recursive: true });
  },
  TIMEOUT_MS,
);

test(
  "three processes on Redis, stopped, killed, cut off and delayed: leases fence, events are consumed in order",
  async () => {
    await using server = await RedisServer.start();
    await using proxy = await UnrulyProxy.start(server.port, calmly(seededRandom(3)));
    await using store = await RedisStore.open({ url: server.url });
    const args = ["redis", `redis://127.0.0.1:${proxy.port}`];
    const scan = scanOf(store);
    report(
      "Redis",
      await runHistories({ name: "redis", args, processes: 3, nodes: 1, cut: () => proxy.cut(), scan }, HISTORIES),
    );
  },
  TIMEOUT_MS,
);

test(
  "three processes on a Redis Cluster, stopped, killed, cut off and delayed: leases fence, events are consumed in order",
  async () => {
    await using cluster = await RedisCluster.start();
    const next = calmly(seededRandom(5));
    const started = await Promise.all(cluster.primaries.map(({ port }) => UnrulyProxy.start(port, next)));
    await using _proxies = {
      async [Symbol.asyncDispose]() {
        await Promise.all(started.map((proxy) => proxy[Symbol.asyncDispose]()));
      },
    };
    const ports = started.map(({ port }) => port);
    await cluster.announce(ports);
    const url = `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(",")}`;
    await using store = await RedisStore.open({ url, commandTimeoutMs: 20_000 });
    const cut = () => {
      for (const proxy of started) proxy.cut();
    };
    const scan = scanOf(store);
    report(
      "cluster",
      await runHistories({ name: "cluster", args: ["redis", url], processes: 3, nodes: 1, cut, scan }, HISTORIES),
    );
  },
  TIMEOUT_MS,
);
