import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Feature, POINTS } from "@aspen/feature";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { FunctionWorker } from "@aspen/jobs";
import type { Store } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { type AspenNode, createNode } from "../src/index.js";

/** A worker, as a feature brings one. */
const mail: Feature = {
  name: "mail",
  requires: ["jobs"],
  config: z.strictObject({}),
  module: () =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.worker).toConstantValue(
        new FunctionWorker([{ type: "mail.send", run: ({ payload }) => `sent to ${(payload as { to: string }).to}` }]),
      );
    }),
};

describe.each(["kv", "bullmq"] as const)("jobs of a plugin, engine %s", (engine) => {
  let redis: RedisServer | null = null;
  let store: Store;
  let node: AspenNode;
  beforeAll(async () => {
    const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/mailer", import.meta.url)));
    if (engine === "bullmq") redis = await RedisServer.start();
    store = redis ? await RedisStore.open({ url: redis.url }) : new MemoryStore();
    node = await createNode({
      store,
      features: [mail],
      config: { listen: { port: 0 }, logLevel: "silent", features: { jobs: { engine } } },
    });
    const artifacts = [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }];
    await node.client.call("plugin.install", { manifest, artifacts } as never);
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
  });

  test("a plugin submits a job, a worker runs it, the plugin sees its result", async () => {
    const { id } = (await node.client.call("mailer.send", "ada")) as { id: string };
    expect(await node.client.call("job.wait", { id })).toMatchObject({
      status: "completed",
      submitter: "plugin:mailer",
    });
    expect(await node.client.call("mailer.look", id)).toMatchObject({ id, result: "sent to ada" });
    expect(await node.client.call("mailer.send", "ada")).toEqual({ id, created: false });
  });

  test("it is told of the end of its job, and not of what it submits when it is told, nor of jobs of others", async () => {
    const { id: others } = await node.client.call("job.submit", { type: "mail.send", payload: { to: "eve" } });
    await node.client.call("job.wait", { id: others });
    const { id } = (await node.client.call("mailer.send", "grace")) as { id: string };
    type Told = { topic: string; subject: string; data: object };
    const told = async () => (await node.client.call("mailer.told", null)) as Told[];
    while (!(await told()).some(({ subject }) => subject === id)) await delay(20);
    const mine = (await told()).filter(({ subject }) => subject === id);
    const data = { id, type: "mail.send", status: "completed", attempts: 1, finishedAt: expect.any(Number) };
    expect(mine).toEqual([{ topic: "job.completed", subject: id, data }]);
    // The events of a namespace come in their order: had it been told of what it submitted then, that would be next.
    const { id: last } = (await node.client.call("mailer.send", "joan")) as { id: string };
    while (!(await told()).some(({ subject }) => subject === last)) await delay(20);
    const { jobs } = await node.client.call("job.list", { group: "mailer" });
    const caused = jobs.filter(({ payload }) => (payload as { to: string }).to === "whoever waits").map(({ id }) => id);
    expect(caused.length).toBeGreaterThan(0);
    const subjects = (await told()).map(({ subject }) => subject);
    expect(subjects.filter((subject) => [...caused, others].includes(subject))).toEqual([]);
  });

  test("it submits no type that it was not granted, and sees no job of others", async () => {
    await expect(node.client.call("mailer.other", "mail.other")).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      details: { permission: "jobs:submit:mail.other" },
    });
    const { id } = await node.client.call("job.submit", { type: "mail.send", payload: { to: "bob" } });
    expect(await node.client.call("job.get", { id })).toMatchObject({ submitter: "local" });
    expect(await node.client.call("mailer.look", id)).toBeNull();
  });
});
