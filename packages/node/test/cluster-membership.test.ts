import { Writable } from "node:stream";
import { encodeUtf8 } from "@aspen/plugin-api";
import { remoteClient } from "@aspen/rpc-core/remote";
import { NamespacedKeyValueStore, type PutOptions, type Store, storageErrors, type Version } from "@aspen/storage";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { pino } from "pino";
import { createNode } from "../src/index.js";
import { NodeProcess } from "./child.js";
import { sharedStore, startMember, untilNodes } from "./cluster-support.js";

const BEAT_MS = 50;

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("it did not come to hold within 30 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a node that was stopped for longer than its time to live is a member again when it goes on", async () => {
  await using redis = await RedisServer.start();
  const cluster = { beatMs: BEAT_MS, ttlMs: 3 * BEAT_MS };
  const start = () => NodeProcess.start({ redisUrl: redis.url, features: { "plugins-wasm": false, cluster } });
  await using stopped = start();
  await using other = start();
  const address = String(await stopped.said("url"));
  const client = remoteClient({ url: String(await other.said("url")) });
  const seen = async () => (await client.call("cluster.nodes")).nodes.find((node) => node.address === address);
  await until(async () => (await seen()) !== undefined);
  const before = (await seen())!;
  stopped.signal("SIGSTOP");
  await until(async () => (await seen()) === undefined);
  stopped.signal("SIGCONT");
  await until(async () => (await seen()) !== undefined);
  expect((await seen())!.id).toBe(before.id);
  expect((await seen())!.incarnation).toBeGreaterThan(before.incarnation);
});

test("a node whose place another has taken joins again", async () => {
  const store = sharedStore();
  await using node = await startMember(store);
  await using other = await startMember(store);
  await untilNodes(other, 2);
  const key = `__sys:member:${node.id}`;
  const lists = { methods: [], safeMethods: [], features: [], jobTypes: [] };
  const taken = { id: node.id, incarnation: 1000, address: null, version: "0", state: "serving", ...lists };
  await store.kv.put(key, encodeUtf8(JSON.stringify(taken)));
  await until(async () => {
    const { nodes } = await other.client.call("cluster.nodes");
    return nodes.some(({ id, address, methods }) => id === node.id && address === node.url && methods.length > 0);
  });
});

/** A store that refuses signs of life at times. */
class Refusing extends NamespacedKeyValueStore {
  refuses = false;
  refused = 0;

  override async put(key: string, value: Uint8Array, options?: PutOptions): Promise<Version> {
    if (this.refuses && key.startsWith("__beats:")) {
      this.refused += 1;
      throw storageErrors.unavailable("it is away");
    }
    return super.put(key, value, options);
  }
}

test("a node warns once while the cluster cannot be told that it lives, and again the next time", async () => {
  const { kv, blobs } = sharedStore();
  const refusing = new Refusing(kv, [""]);
  const store: Store = { kv: refusing, blobs, [Symbol.asyncDispose]: async () => undefined };
  const lines: { msg: string; level: number }[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const features = { "plugins-wasm": false, cluster: { beatMs: 10 } };
  await using _node = await createNode({ store, log: pino(stream), config: { listen: { port: 0 }, features } });
  const warnings = () => lines.filter(({ msg }) => msg.startsWith("the cluster's members cannot be followed")).length;
  const recoveries = () => lines.filter(({ msg }) => msg.startsWith("the cluster's members are followed again")).length;
  for (const time of [1, 2]) {
    refusing.refuses = true;
    const before = refusing.refused;
    await until(() => refusing.refused > before + 3);
    refusing.refuses = false;
    await until(() => recoveries() === time);
    expect(warnings()).toBe(time);
  }
});
