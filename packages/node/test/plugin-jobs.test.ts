import { fileURLToPath } from "node:url";
import { type Feature, POINTS } from "@aspen/feature";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { FunctionWorker } from "@aspen/jobs";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
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

let store: MemoryStore;
let node: AspenNode;
beforeAll(async () => {
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/mailer", import.meta.url)));
  store = new MemoryStore();
  node = await createNode({
    store,
    features: [mail],
    config: { listen: { port: 0 }, logLevel: "silent", features: { jobs: {} } },
  });
  const artifacts = [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }];
  await node.client.call("plugin.install", { manifest, artifacts } as never);
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

test("a plugin submits a job, a worker runs it, the plugin sees its result", async () => {
  const { id } = (await node.client.call("mailer.send", "ada")) as { id: string };
  expect(await node.client.call("job.wait", { id })).toMatchObject({ status: "completed", submitter: "plugin:mailer" });
  expect(await node.client.call("mailer.look", id)).toMatchObject({ id, result: "sent to ada" });
  expect(await node.client.call("mailer.send", "ada")).toEqual({ id, created: false });
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
