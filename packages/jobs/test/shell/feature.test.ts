import "reflect-metadata";
import { NODE, POINTS } from "@aspen/feature";
import { Dispatcher, HandlerRegistry, inProcessClient, LOCAL_CALLER } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { STORAGE } from "@aspen/storage/module";
import { expect, test } from "@jest/globals";
import { Container } from "inversify";
import { feature as jobs } from "../../src/feature.js";
import { feature } from "../../src/features/shell-worker.js";
import { silent } from "../helpers.js";

async function configured(config: unknown) {
  const checked = await feature.config["~standard"].validate(config);
  if (checked.issues) throw new Error(JSON.stringify(checked.issues));
  return checked.value;
}

test("the feature gives the pool of its node a shell worker, and tells which jail is in force", async () => {
  const store = new MemoryStore();
  const container = new Container();
  container.bind(STORAGE.store).toConstantValue(store);
  container.bind(NODE.log).toConstantValue(silent);
  container.bind(NODE.id).toConstantValue("node-1");
  await container.load(await jobs.module({}));
  await container.load(await feature.module(await configured({ limits: { memoryMiB: 64 } })));
  const registry = new HandlerRegistry();
  for (const factory of container.getAll(POINTS.handlerFactory)) registry.register((await factory.create())!);
  const client = inProcessClient(new Dispatcher({ registry }), { caller: LOCAL_CALLER });
  const [service] = container.getAll(POINTS.service);
  const meter = container.getAll(POINTS.meter).find(({ name }) => name === "aspen_jobs_shell_worker_info")!;
  expect(meter.collect()).toEqual([]);
  try {
    await service!.start(new AbortController().signal);
    expect(meter.collect()).toMatchObject([{ value: 1, labels: { jail: "bwrap" } }]);
    const { id } = await client.call("job.submit", { type: "shell", payload: { command: "echo", args: ["hi"] } });
    expect(await client.call("job.wait", { id })).toMatchObject({ status: "completed", result: { stdout: "hi\n" } });
    const bad = { type: "shell", payload: { command: "true", artifacts: ["../x"] } };
    await expect(client.call("job.submit", bad)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  } finally {
    await service!.drain?.(AbortSignal.abort());
    await service![Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  }
});

test("it stands on jobs, and needs bubblewrap unless there is to be no jail", async () => {
  expect(feature.requires).toEqual(["jobs"]);
  const tools = feature.tools!(await configured({}));
  expect(tools.map(({ command }) => command)).toEqual(["bwrap", "prlimit", "unshare"]);
  expect(tools[0]!.install).toContain("apt-get install bubblewrap");
  expect(feature.tools!(await configured({ jail: "none" }))).toEqual([]);
});

test.each([{ jail: "chroot" }, { limits: { memory: 1 } }, { limits: { processes: 0 } }, { uid: 0 }, { network: true }])(
  "its configuration is refused: %j",
  async (config) => {
    expect((await feature.config["~standard"].validate(config)).issues).toHaveLength(1);
  },
);
