import { setTimeout as delay } from "node:timers/promises";
import { POINTS } from "@aspen/feature";
import { FunctionWorker } from "@aspen/jobs";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ContainerModule } from "inversify";
import { type AspenNode, createNode } from "../src/index.js";
import { featureOf, http, temporaryDirectory } from "./support.js";

const worker = featureOf(
  new ContainerModule(({ bind }) => {
    bind(POINTS.worker).toConstantValue(
      new FunctionWorker([
        {
          type: "double",
          run: ({ payload }, { log }) => {
            log.info({}, "doubling");
            return (payload as number) * 2;
          },
        },
        {
          type: "fails",
          run: () => {
            throw new Error("no");
          },
        },
        { type: "slow", run: (_, { signal }) => delay(600_000, null, { signal }) },
      ]),
    );
  }),
);

let redis: RedisServer;
let node: AspenNode;
beforeAll(async () => {
  redis = await RedisServer.start();
  node = await createNode({
    config: {
      ...{ redisUrl: redis.url, listen: { port: 0 }, logLevel: "silent" },
      features: { jobs: { engine: "bullmq", pollMs: 1000 } },
    },
    features: [worker],
  });
}, 60_000);
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
async function rpc(method: string, params: unknown = {}): Promise<any> {
  return (await http(node.url, `/rpc/${method}`, { body: JSON.stringify(params) })).body;
}

test("a node whose jobs are in BullMQ submits, runs, shows and lists them, with their logs", async () => {
  const { id } = await rpc("job.submit", { type: "double", payload: 21, priority: 2 });
  expect(await rpc("job.wait", { id })).toMatchObject({ status: "completed", result: 42, submitter: "local" });
  expect(await rpc("job.get", { id })).toMatchObject({ id, type: "double", attempts: 1, priority: 2 });
  expect((await rpc("job.logs", { id })).lines).toMatchObject([{ level: "info", message: "doubling" }]);
  expect((await rpc("job.list", { type: "double", status: "completed" })).jobs).toMatchObject([{ id }]);
  expect((await rpc("job.stats")).byType.double).toEqual({ waiting: 0, running: 0 });
  expect((await rpc("worker.list")).workers).toHaveLength(1);
});

test("a running job is cancelled", async () => {
  const { id } = await rpc("job.submit", { type: "slow" });
  while ((await rpc("job.get", { id })).status !== "running") await delay(20);
  await rpc("job.cancel", { id, reason: "enough" });
  expect(await rpc("job.wait", { id })).toMatchObject({ status: "cancelled", error: { code: "JOB_CANCELLED" } });
});

test("dead letters are listed, shown, started anew and purged", async () => {
  const backoff = { type: "fixed", delayMs: 1 };
  const { id } = await rpc("job.submit", { type: "fails", attempts: 2, backoff });
  expect(await rpc("job.wait", { id })).toMatchObject({ status: "dead_letter", attempts: 2 });
  expect((await rpc("job.dead.list")).jobs).toMatchObject([{ id, error: { message: "no" } }]);
  expect(await rpc("job.dead.get", { id })).toMatchObject({ id });
  expect(await rpc("job.dead.redrive", { id })).toEqual({ redriven: 1, more: false });
  expect(await rpc("job.wait", { id })).toMatchObject({ status: "dead_letter", attempts: 2 });
  expect(await rpc("job.dead.purge", {})).toEqual({ purged: 1, more: false });
  expect(await rpc("job.get", { id })).toMatchObject({ error: { code: "JOB_NOT_FOUND" } });
});

test("a schedule submits jobs, one for each tick", async () => {
  const job = { type: "double", payload: 1 };
  await rpc("job.schedule.create", { name: "often", everyMs: 200, job });
  let ticks: { schedule: { name: string; scheduledAt: number } }[] = [];
  while (ticks.length < 3) {
    await delay(100);
    ticks = (await rpc("job.list", { type: "double" })).jobs.filter((it: object) => "schedule" in it);
  }
  await rpc("job.schedule.remove", { name: "often" });
  expect(new Set(ticks.map(({ schedule }) => schedule.scheduledAt)).size).toBe(ticks.length);
  expect(ticks[0]!.schedule.name).toBe("often");
});

test("a worker in another process polls, tells and completes", async () => {
  await rpc("worker.register", { worker: "far", types: ["far"] });
  const { id } = await rpc("job.submit", { type: "far", payload: [1] });
  const { jobs } = await rpc("worker.poll", { worker: "far", types: ["far"], waitMs: 10_000 });
  expect(jobs).toMatchObject([{ id, payload: [1], attempts: 1 }]);
  const { token } = jobs[0];
  const beat = { id, token, progress: { percent: 50 } };
  expect(await rpc("worker.heartbeat", { jobs: [beat] })).toEqual({ answers: ["held"] });
  const stale = await rpc("worker.complete", { id, token: token - 1, result: 1 });
  expect(stale).toMatchObject({ error: { code: "LEASE_LOST" } });
  await rpc("worker.complete", { id, token, result: "done" });
  expect(await rpc("job.get", { id })).toMatchObject({
    status: "completed",
    result: "done",
    progress: { percent: 50 },
  });
});

test("a node with an embedded store refuses the engine, and says what to do", async () => {
  const directory = await temporaryDirectory();
  const config = { dataDir: directory.path, listen: { port: 0 }, features: { jobs: { engine: "bullmq" } } };
  try {
    const starting = createNode({ config: { ...config, logLevel: "silent" } });
    await expect(starting).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/embedded.*redisUrl.*engine to "kv"/),
    });
  } finally {
    await directory.remove();
  }
});
