import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type AspenNode, createNode, type NodeConfig } from "../src/index.js";
import { http, temporaryDirectory } from "./support.js";

let wire: object;
beforeAll(async () => {
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/worked", import.meta.url)));
  const content = { base64: Buffer.from(wasm).toString("base64") };
  wire = { manifest, artifacts: [{ name: "plugin.wasm", content }] };
}, 60_000);

describe.each(["embedded", "redis"])("jobs of the type wasm on a node, %s", (driver) => {
  let redis: RedisServer | null = null;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let node: AspenNode;
  const start = () =>
    createNode({
      config: {
        ...(redis ? { redisUrl: redis.url } : { dataDir: directory.path }),
        ...{ listen: { port: 0 }, logLevel: "silent", features },
      },
    });
  const features: NonNullable<NodeConfig["features"]> = {
    jobs: { pollMs: 100, graceMs: 100, concurrency: 4 },
    "wasm-worker": { methods: ["worked.*", "kv.get", "absent.method"] },
  };

  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
  async function rpc(method: string, params: unknown = {}): Promise<any> {
    return (await http(node.url, `/rpc/${method}`, { body: JSON.stringify(params) })).body;
  }
  const submit = async (payload: object, more: object = {}): Promise<string> =>
    (await rpc("job.submit", { type: "wasm", payload, ...more })).id;
  const run = async (payload: object, more: object = {}) => rpc("job.wait", { id: await submit(payload, more) });

  beforeAll(async () => {
    if (driver === "redis") redis = await RedisServer.start();
    directory = await temporaryDirectory();
    node = await start();
    expect(await rpc("plugin.install", wire)).toMatchObject({ state: "ready" });
  }, 60_000);
  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
    await directory.remove();
  });

  test("a plugin's method is a job, with its log and how far it is", async () => {
    const job = await run({ method: "worked.echo", params: { n: 1 } });
    expect(job).toMatchObject({ status: "completed", result: { n: 1 }, progress: { percent: 50, message: "half" } });
    const { lines } = await rpc("job.logs", { id: job.id });
    expect(lines).toMatchObject([{ level: "info", message: "half", fields: { of: "echo" } }]);
    expect(await run({ plugin: "worked", method: "worked.echo" })).toMatchObject({ result: null });
  });

  test("a loop without end is stopped by a cancel and by the job's time, and the plugin answers on", async () => {
    const id = await submit({ method: "worked.loop" });
    while ((await rpc("job.logs", { id })).lines.length === 0) await delay(20);
    await rpc("job.cancel", { id });
    expect(await rpc("job.wait", { id })).toMatchObject({ status: "cancelled", error: { code: "JOB_CANCELLED" } });
    const timed = await run({ method: "worked.loop" }, { timeoutMs: 300 });
    expect(timed).toMatchObject({ status: "failed", error: { code: "JOB_TIMEOUT" } });
    expect(await rpc("worked.echo", { n: 2 })).toEqual({ n: 2 });
  });

  test("permissions and memory are those of the plugin", async () => {
    expect(await run({ method: "worked.write" })).toMatchObject({ error: { code: "PERMISSION_DENIED" } });
    expect(await run({ method: "worked.allocate" })).toMatchObject({ error: { code: "PLUGIN_OUT_OF_MEMORY" } });
  });

  test("methods of the node, of nobody, of another plugin and those that are not allowed are refused for good", async () => {
    const refused = async (payload: object, code: string) =>
      expect(await run(payload, { attempts: 3 })).toMatchObject({ status: "failed", attempts: 1, error: { code } });
    await refused({ method: "kv.get", params: { key: "x" } }, "METHOD_NOT_FOUND");
    await refused({ method: "absent.method" }, "METHOD_NOT_FOUND");
    await refused({ plugin: "worked", method: "absent.method" }, "METHOD_NOT_FOUND");
    await refused({ method: "node.info" }, "PERMISSION_DENIED");
  });

  test("jobs that wait while the node is down run after its start, as its plugins do", async () => {
    const id = await submit({ method: "worked.echo", params: "late" }, { delayMs: 1000 });
    await node[Symbol.asyncDispose]();
    node = await start();
    expect(await rpc("job.wait", { id })).toMatchObject({ status: "completed", result: "late", attempts: 1 });
  });
});
