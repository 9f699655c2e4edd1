import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { isAspenError } from "@aspen/plugin-api";
import { type RpcClient, remoteClient } from "@aspen/rpc-core/remote";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import type { NodeConfig } from "../src/index.js";
import { Balancer } from "./balancer.js";
import { NodeProcess } from "./child.js";

const REQUESTS = Number(process.env.ASPEN_CLUSTER_REQUESTS ?? 300);
const SEED = Number(process.env.ASPEN_CLUSTER_SEED ?? 1);
/** Requests that are under way at once. */
const WIDTH = 8;

/** Numbers from 0 to 1, the same for one seed (mulberry32, Tommy Ettinger). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Running extends AsyncDisposable {
  node: NodeProcess;
  url: string;
  client: RpcClient;
}

async function start(redisUrl: string, features: NonNullable<NodeConfig["features"]> = {}): Promise<Running> {
  const node = NodeProcess.start({ redisUrl, features });
  const url = String(await node.said("url"));
  return { node, url, client: remoteClient({ url }), [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
}

/** Resolves when a node sees exactly these, with those that serve the counter among them. */
async function untilCluster(
  { client }: Running,
  addresses: readonly string[],
  counters: readonly string[],
): Promise<void> {
  for (;;) {
    const { nodes } = await client.call("cluster.nodes");
    const seen = nodes.map(({ address }) => address).sort();
    const serve = nodes.filter(({ methods }) => methods.includes("counter.*")).map(({ address }) => address);
    if (seen.join() === [...addresses].sort().join() && serve.sort().join() === [...counters].sort().join()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function installCounter({ client }: Running): Promise<void> {
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/counter", import.meta.url)));
  const artifacts = [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }];
  await client.call("plugin.install", { manifest, artifacts } as never);
}

test(`${REQUESTS} requests to random nodes, one of which is killed and one drained (seed ${SEED})`, async () => {
  await using redis = await RedisServer.start();
  await using one = await start(redis.url);
  let two = await start(redis.url);
  await using three = await start(redis.url, { "plugins-wasm": false });
  await using _two = { [Symbol.asyncDispose]: async () => two[Symbol.asyncDispose]() };
  await installCounter(one);
  await untilCluster(three, [one.url, two.url, three.url], [one.url, two.url]);

  const random = randomOf(SEED);
  const clients = [one.client, two.client, three.client];
  const written = new Map<string, string>();
  const refused = new Map<string, number>();
  let added = 0;
  let perhaps = 0;
  let next = 0;
  const once = async () => {
    const at = next++;
    const client = clients[Math.floor(random() * clients.length)]!;
    const kind = random();
    try {
      if (kind < 0.4) {
        const [key, value] = [`faults:${at}`, `v${at}`];
        await client.call("kv.put", { key, value });
        written.set(key, value);
      } else if (kind < 0.7) {
        const [key, value] = [...written][Math.floor(random() * written.size)] ?? ["faults:none", undefined];
        const entry = await client.call("kv.get", { key });
        expect(entry?.value).toBe(value);
      } else {
        await client.call("counter.add", { by: 1 });
        added += 1;
      }
    } catch (error) {
      if (!isAspenError(error)) throw error;
      refused.set(error.code, (refused.get(error.code) ?? 0) + 1);
      if (kind >= 0.7) perhaps += 1;
    }
  };
  /** Sends requests until so many have been sent in all. */
  const until = async (part: number) => {
    const upTo = Math.floor(REQUESTS * part);
    const worker = async () => {
      while (next < upTo) await once();
    };
    await Promise.all(Array.from({ length: WIDTH }, worker));
  };

  await until(0.2);
  two.node.signal("SIGKILL");
  await Promise.all([until(0.5), untilCluster(one, [one.url, three.url], [one.url])]);
  await two.node.ended;
  two = await start(redis.url);
  clients[1] = two.client;
  await untilCluster(three, [one.url, two.url, three.url], [one.url, two.url]);
  await until(0.7);
  one.node.signal("SIGTERM");
  await Promise.all([until(1), untilCluster(three, [two.url, three.url], [two.url])]);

  // Retryable, and the caller is told whether it may have been done.
  expect([...refused.keys()].filter((code) => code !== "NODE_UNREACHABLE" && code !== "OUTCOME_UNKNOWN")).toEqual([]);
  expect(refused.size).toBeGreaterThan(0);
  for (const [key, value] of written) {
    expect((await three.client.call("kv.get", { key }))?.value).toBe(value);
  }
  const { count } = (await three.client.call("counter.add", { by: 0 })) as { count: number };
  expect(count).toBeGreaterThanOrEqual(added);
  expect(count).toBeLessThanOrEqual(added + perhaps);
  expect(await one.node.said("stopped")).toBe(true);
});

test("a rolling restart behind a plain TCP balancer loses no request", async () => {
  await using redis = await RedisServer.start();
  const nodes = await Promise.all([start(redis.url), start(redis.url), start(redis.url, { "plugins-wasm": false })]);
  await using balancer = new Balancer(nodes.map(({ url }) => url));
  try {
    const client = remoteClient({ url: await balancer.listen() });
    let rolling = true;
    let answered = 0;
    const failures: unknown[] = [];
    const worker = async (name: number) => {
      for (let at = 0; rolling; at += 1) {
        try {
          await client.call("kv.put", { key: `rolling:${name}`, value: String(at) });
          expect((await client.call("kv.get", { key: `rolling:${name}` }))?.value).toBe(String(at));
          answered += 2;
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const workers = [1, 2, 3, 4].map(worker);
    for (const at of nodes.keys()) {
      const old = nodes[at]!;
      nodes[at] = await start(redis.url);
      balancer.addresses.push(nodes[at]!.url);
      const before = answered;
      old.node.signal("SIGTERM");
      await old.node.ended;
      balancer.addresses.splice(balancer.addresses.indexOf(old.url), 1);
      while (answered < before + 20) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    rolling = false;
    await Promise.all(workers);
    expect(failures).toEqual([]);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});
