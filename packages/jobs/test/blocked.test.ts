import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { decodeUtf8 } from "@aspen/plugin-api";
import type { Store } from "@aspen/storage";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { FunctionWorker, type JobEvent, KvJobQueue, WorkerPool } from "../src/index.js";
import { silent, until } from "./helpers.js";

const SCRIPT = fileURLToPath(new URL("./chaos/block.mjs", import.meta.url));

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}

async function kindsOf(store: Store, id: string): Promise<string[]> {
  const { entries } = await store.kv.scan({ prefix: "__jobs:__events:" });
  const events = entries.flatMap(({ value }) => JSON.parse(decodeUtf8(value)) as JobEvent[]);
  return events.filter((event) => event.id === id).map(({ kind }) => kind);
}

/** A process whose jobs block it, and beside it a queue with somebody who looks after it, and takes jobs when told to. */
async function scene(leaseMs: number) {
  const server = await RedisServer.start();
  const store = await RedisStore.open({ url: server.url });
  const queue = new KvJobQueue(store);
  const pool = new WorkerPool({ queue, blobs: store.blobs, logger: silent }, { maintainMs: 200, pressure: false });
  await pool.start();
  const child = spawn(process.execPath, [SCRIPT, server.url, String(leaseMs)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await until(async () => (await queue.knownTypes()).includes("block"));
  return {
    ...{ server, store, queue, pool, child },
    async [Symbol.asyncDispose]() {
      await kill(child);
      await pool[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test("a function that blocks its process for longer than its lease neither stalls nor runs twice", async () => {
  await using it = await scene(2000);
  const blocked = await it.queue.submit({ type: "block", payload: 9000, maxStalls: 0 });
  const other = await it.queue.submit({ type: "block", payload: 5000, maxStalls: 0 });
  for (const { id } of [blocked, other]) {
    expect(await it.queue.wait(id)).toMatchObject({ status: "completed", result: "done", attempts: 1 });
    expect(await kindsOf(it.store, id)).toEqual(["job.pending", "job.running", "job.completed"]);
  }
});

test("a process that is killed while a function blocks it gives its job back long before the job's time is over", async () => {
  await using it = await scene(2000);
  const day = 86_400_000;
  const { id } = await it.queue.submit({ type: "block", payload: day, timeoutMs: day, maxStalls: 1 });
  await until(async () => (await it.queue.get(id))?.status === "running");
  const { worker } = (await it.queue.get(id))!;
  expect(worker).toBe("blocked");
  await kill(it.child);
  await using taking = new WorkerPool(
    { queue: it.queue, blobs: it.store.blobs, logger: silent },
    { pressure: false, name: "taking" },
  );
  taking.add(new FunctionWorker([{ type: "block", run: () => "taken over" }]));
  await taking.start();
  expect(await it.queue.wait(id)).toMatchObject({ status: "completed", result: "taken over", attempts: 2 });
});
