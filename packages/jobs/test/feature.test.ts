import "reflect-metadata";
import { NODE, POINTS } from "@aspen/feature";
import { Dispatcher, HandlerRegistry, inProcessClient, LOCAL_CALLER } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { STORAGE } from "@aspen/storage/module";
import { expect, test } from "@jest/globals";
import { Container } from "inversify";
import { z } from "zod";
import { feature } from "../src/feature.js";
import { defineJob, FunctionWorker, type Job } from "../src/index.js";
import { silent, until } from "./helpers.js";

/** The feature as a node has it, with one worker, and a client of its methods. */
async function started() {
  const store = new MemoryStore();
  const container = new Container();
  container.bind(STORAGE.store).toConstantValue(store);
  container.bind(NODE.log).toConstantValue(silent);
  container.bind(NODE.id).toConstantValue("node-1");
  const worker = new FunctionWorker([
    { type: "double", run: ({ payload }) => (payload as number) * 2 },
    defineJob({ type: "strict", payload: z.object({ n: z.number() }), run: ({ payload }) => payload.n }),
    {
      type: "fails",
      run: () => {
        throw new Error("no");
      },
    },
  ]);
  container.bind(POINTS.worker).toConstantValue(worker);
  const config = await feature.config["~standard"].validate({ pollMs: 20 });
  if (config.issues) throw new Error(JSON.stringify(config.issues));
  await container.load(await feature.module(config.value));
  const registry = new HandlerRegistry();
  for (const factory of container.getAll(POINTS.handlerFactory)) registry.register((await factory.create())!);
  const [service] = container.getAll(POINTS.service);
  await service!.start(new AbortController().signal);
  return {
    container,
    client: inProcessClient(new Dispatcher({ registry }), { caller: LOCAL_CALLER }),
    async [Symbol.asyncDispose]() {
      await service!.drain?.(AbortSignal.abort());
      await service![Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

test("a job goes through its methods, from submit to remove", async () => {
  await using it = await started();
  const { client } = it;
  const { id } = await client.call("job.submit", { type: "double", payload: 4 });
  expect(await client.call("job.wait", { id })).toMatchObject({ id, status: "completed", result: 8 });
  expect(await client.call("job.get", { id })).toMatchObject({ type: "double", attempts: 1 });
  expect((await client.call("job.list", { type: "double" })).jobs.map((job: Job) => job.id)).toEqual([id]);
  expect((await client.call("job.stats", {})).byStatus.completed).toBe(1);
  expect(await client.call("job.logs", { id })).toEqual({ lines: [], cursor: "0" });
  expect(await client.call("job.remove", { id })).toEqual({ id });
  await expect(client.call("job.get", { id })).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
});

test("a flow goes through its method, and its jobs say who submitted them", async () => {
  await using it = await started();
  const { client } = it;
  const jobs = [
    { name: "second", type: "double", payload: 5, dependsOn: ["first"] },
    { name: "first", type: "double", payload: 4 },
  ];
  const { ids } = await client.call("job.flow.submit", { jobs });
  const second = await client.call("job.wait", { id: ids.second! });
  expect(second).toMatchObject({ status: "completed", result: 10, submitter: "local" });
  expect(await client.call("job.get", { id: ids.first! })).toMatchObject({ status: "completed", result: 8 });
  await expect(
    client.call("job.flow.submit", { jobs: [{ name: "only", type: "double", dependsOn: ["nobody"] }] }),
  ).rejects.toMatchObject({ code: "INVALID_PARAMS", message: expect.stringContaining("nobody") });
  await expect(
    client.call("job.flow.submit", { jobs: [jobs[1]!, { name: "wrong", type: "strict", payload: "text" }] }),
  ).rejects.toMatchObject({ code: "INVALID_PARAMS", message: expect.stringContaining("wrong.payload") });
});

test("a wait that is over shows the job as it is", async () => {
  await using it = await started();
  const { id } = await it.client.call("job.submit", { type: "double", delayMs: 600_000 });
  expect(await it.client.call("job.wait", { id, waitMs: 10 })).toMatchObject({ status: "scheduled" });
  expect(await it.client.call("job.cancel", { id, reason: "enough" })).toMatchObject({ status: "cancelled" });
});

test("dead letters are listed, shown, redriven and purged", async () => {
  await using it = await started();
  const { client } = it;
  const backoff = { type: "fixed", delayMs: 0 } as const;
  const { id } = await client.call("job.submit", { type: "fails", attempts: 2, backoff });
  expect(await client.call("job.wait", { id })).toMatchObject({ status: "dead_letter", error: { message: "no" } });
  expect((await client.call("job.dead.list", { type: "double" })).jobs).toEqual([]);
  expect(await client.call("job.dead.get", { id })).toMatchObject({ id });
  expect(await client.call("job.dead.redrive", {})).toEqual({ redriven: 1, more: false });
  expect(await client.call("job.wait", { id })).toMatchObject({ status: "dead_letter" });
  expect(await client.call("job.dead.purge", { id })).toEqual({ purged: 1, more: false });
  expect((await client.call("job.dead.list", {})).jobs).toEqual([]);
});

test("a schedule goes through its methods, and its jobs run", async () => {
  await using it = await started();
  const { client } = it;
  const job = { type: "double", payload: 4 };
  const made = await client.call("job.schedule.create", { name: "s", everyMs: 100, overlap: "allow", job });
  expect(made).toMatchObject({ name: "s", status: "active", catchUp: "one", job });
  await until(async () => (await client.call("job.schedule.get", { name: "s" })).last !== null);
  const { last } = await client.call("job.schedule.get", { name: "s" });
  const ran = await client.call("job.wait", { id: last!.jobId });
  expect(ran).toMatchObject({ status: "completed", result: 8, schedule: { name: "s" } });
  expect(await client.call("job.schedule.pause", { name: "s" })).toMatchObject({ status: "paused" });
  const { id } = await client.call("job.schedule.trigger", { name: "s" });
  expect(await client.call("job.wait", { id })).toMatchObject({ status: "completed" });
  const patch = { cron: "0 3 * * *", timeZone: "Europe/Berlin", job: { type: "double", payload: 5 } };
  expect(await client.call("job.schedule.update", { name: "s", ...patch })).toMatchObject({ ...patch, nextAt: null });
  expect(await client.call("job.schedule.resume", { name: "s" })).toMatchObject({ status: "active" });
  expect((await client.call("job.schedule.list", {})).schedules.map(({ name }) => name)).toEqual(["s"]);
  expect(await client.call("job.schedule.remove", { name: "s" })).toEqual({ name: "s" });
  await expect(client.call("job.schedule.get", { name: "s" })).rejects.toMatchObject({ code: "SCHEDULE_NOT_FOUND" });
});

test("a schedule whose payload its type refuses is refused", async () => {
  await using it = await started();
  const { client } = it;
  const job = { type: "strict", payload: { n: "no number" } };
  for (const call of [
    client.call("job.schedule.create", { name: "s", everyMs: 1000, job }),
    client.call("job.schedule.create", { name: "s", everyMs: 1000, job: { type: "double", delayMs: 1 } } as never),
    client.call("job.schedule.create", { name: "s", everyMs: 1.5, job: { type: "double" } }),
  ]) {
    await expect(call).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  }
});

test("a worker elsewhere has the same guarantees: types, retries, dead letters, tokens", async () => {
  await using it = await started();
  const { client } = it;
  await client.call("worker.register", { worker: "py-1", types: ["py"] });
  const backoff = { type: "fixed", delayMs: 0 } as const;
  const { id } = await client.call("job.submit", { type: "py", payload: [1], attempts: 2, backoff });
  const poll = async () => {
    const { jobs } = await client.call("worker.poll", { worker: "py-1", types: ["py"], waitMs: 60_000 });
    return jobs[0]!;
  };
  const first = await poll();
  expect(first).toMatchObject({ id, payload: [1], attempts: 1 });
  const { token } = first;
  const beat = await client.call("worker.heartbeat", { jobs: [{ id, token, progress: { percent: 10 } }] });
  expect(beat).toEqual({ answers: ["held"] });
  const error = { code: "PY", message: "oops" };
  expect(await client.call("worker.fail", { id, token, error })).toEqual({ status: "retrying" });
  const second = await poll();
  await expect(client.call("worker.complete", { id, token, result: "stale" })).rejects.toMatchObject({
    code: "LEASE_LOST",
  });
  expect(await client.call("worker.fail", { id, token: second.token, error })).toEqual({ status: "dead_letter" });
  // A poll lists a worker too: one that registered before the node was started again.
  await client.call("worker.poll", { worker: "py-2", types: ["py"], limit: 3 });
  const { workers } = await client.call("worker.list", {});
  expect(workers.map(({ name }) => name).sort()).toEqual(["node-1", "py-1", "py-2"]);
  expect(workers.find(({ name }) => name === "py-2")).toMatchObject({ types: ["py"], concurrency: 3 });
});

test("bad input is refused with the field", async () => {
  await using it = await started();
  const { client } = it;
  await expect(client.call("job.submit", { type: "nobody" })).rejects.toMatchObject({ code: "JOB_TYPE_UNKNOWN" });
  for (const bad of [{ delayMs: -1 }, { attempts: 0 }, { extra: 1 }, { backoff: { type: "cubic" } }]) {
    await expect(client.call("job.submit", { type: "double", ...bad } as never)).rejects.toMatchObject({
      code: "INVALID_PARAMS",
    });
  }
});

test("meters and health tell of the pool", async () => {
  await using it = await started();
  const { id } = await it.client.call("job.submit", { type: "double", payload: 1 });
  await it.client.call("job.wait", { id });
  const names = it.container.getAll(POINTS.meter).map(({ name }) => name);
  expect(names).toContain("aspen_jobs_waiting");
  expect(new Set(names).size).toBe(names.length);
  const [check] = it.container.getAll(POINTS.healthCheck);
  expect(check!.name).toBe("jobs");
});
