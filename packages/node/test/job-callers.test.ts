import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type AspenNode, createNode, type NodeConfig } from "../src/index.js";
import { http } from "./support.js";

let wire: object;
beforeAll(async () => {
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/worked", import.meta.url)));
  wire = { manifest, artifacts: [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }] };
}, 60_000);

describe.each(["kv", "bullmq"] as const)("who a job calls as, engine %s", (engine) => {
  let redis: RedisServer;
  const jobs = { engine, pollMs: 100, graceMs: 100 };
  const start = (features: NonNullable<NodeConfig["features"]>) =>
    createNode({
      config: {
        ...{ redisUrl: redis.url, listen: { port: 0 }, logLevel: "silent" },
        ...{ auth: { required: true }, features: { jobs, ...features } },
      },
    });
  /** It takes jobs from clients, and runs none. */
  let front: AspenNode;
  let back: AspenNode;
  beforeAll(async () => {
    redis = await RedisServer.start();
    back = await start({ "wasm-worker": {} });
    front = await start({ "plugins-wasm": false });
    await back.client.call("plugin.install", wire as never);
  }, 60_000);
  afterAll(async () => {
    await front?.[Symbol.asyncDispose]();
    await back?.[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
  });

  /** Somebody with a token, who may ask for the node and not for its plugins. */
  async function client(more: object = {}) {
    const methods = ["job.*", "node.info", "worked.ask", "worked.later"];
    const made = await front.inject("token.create", { methods, kvPrefixes: [], ...more });
    const { token, id } = made as { token: string; id: string };
    // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
    const rpc = async (method: string, params: unknown, node = front): Promise<any> =>
      (
        await http(node.url, `/rpc/${method}`, {
          body: JSON.stringify(params),
          headers: { authorization: `Bearer ${token}` },
        })
      ).body;
    const submit = async (payload: object, options: object = {}): Promise<string> =>
      (await rpc("job.submit", { type: "wasm", payload, ...options })).id;
    return { id, rpc, submit, run: async (payload: object) => rpc("job.wait", { id: await submit(payload) }) };
  }
  const ask = (method: string) => ({ method: "worked.ask", params: method });
  const failed = (code: string) => ({ status: "failed", error: { code } });

  test("a job calls what its token may, and no more", async () => {
    const { run, rpc } = await client();
    expect(await run(ask("node.info"))).toMatchObject({ status: "completed" });
    expect(await run(ask("plugin.list"))).toMatchObject(failed("PERMISSION_DENIED"));
    expect(await run({ method: "worked.echo" })).toMatchObject(failed("PERMISSION_DENIED"));
    const { ids } = await rpc("job.flow.submit", {
      jobs: [{ name: "one", type: "wasm", payload: ask("plugin.list") }],
    });
    expect(await rpc("job.wait", { id: ids.one })).toMatchObject(failed("PERMISSION_DENIED"));
    // Whoever may do everything does all that the plugin may.
    const { id } = await back.client.call("job.submit", { type: "wasm", payload: ask("plugin.list") });
    expect(await back.client.call("job.wait", { id })).toMatchObject({ status: "completed" });
  });

  test("a job that a plugin submitted has what both have, the plugin and who called it", async () => {
    const { rpc } = await client();
    const later = async (payload: object, as = rpc) => {
      const { id } = await as("worked.later", { payload }, back);
      return rpc("job.wait", { id });
    };
    expect(await later(ask("node.info"))).toMatchObject({ status: "completed", submitter: "plugin:worked" });
    expect(await later(ask("plugin.list"))).toMatchObject(failed("PERMISSION_DENIED"));
    const { rpc: wide } = await client({ methods: ["*"], kvPrefixes: [""] });
    expect(await later(ask("plugin.list"), wide)).toMatchObject({ status: "completed" });
  });

  test("a token that was revoked or has expired calls nothing more, nor does a plugin that acts for it", async () => {
    const { id, submit, rpc } = await client();
    const own = await submit(ask("node.info"), { delayMs: 1000 });
    const { id: plugins } = await rpc("worked.later", { payload: ask("node.info"), delayMs: 1000 }, back);
    const { submit: shortly } = await client({ expiresInMs: 1000 });
    const late = await shortly(ask("node.info"), { delayMs: 1500 });
    await front.inject("token.revoke", { id });
    for (const job of [own, plugins, late]) {
      expect(await back.client.call("job.wait", { id: job })).toMatchObject(failed("UNAUTHENTICATED"));
    }
  });

  test("a schedule submits as who made it, and as who changed its job", async () => {
    const { rpc } = await client();
    const schedule = { name: "asked", everyMs: 3_600_000, job: { type: "wasm", payload: ask("plugin.list") } };
    await back.client.call("job.schedule.create", schedule);
    const triggered = async () => rpc("job.wait", { id: (await rpc("job.schedule.trigger", { name: "asked" })).id });
    expect(await triggered()).toMatchObject({ status: "completed", submitter: "local" });
    const changed = await rpc("job.schedule.update", { name: "asked", job: schedule.job });
    expect(changed).toMatchObject({ submitter: expect.stringMatching(/^token:/) });
    expect(Object.keys(changed.job).sort()).toEqual(["payload", "type"]);
    expect(await triggered()).toMatchObject(failed("PERMISSION_DENIED"));
    await rpc("job.schedule.remove", { name: "asked" });
  });

  test("jobs that wait while no node can run them have the same rights after a restart", async () => {
    const { submit, rpc } = await client();
    await back[Symbol.asyncDispose]();
    const ids = [await submit(ask("node.info")), await submit(ask("plugin.list"))];
    back = await start({ "wasm-worker": {} });
    expect(await rpc("job.wait", { id: ids[0] })).toMatchObject({ status: "completed" });
    expect(await rpc("job.wait", { id: ids[1] })).toMatchObject(failed("PERMISSION_DENIED"));
  });
});
