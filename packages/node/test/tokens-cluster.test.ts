import { setTimeout as delay } from "node:timers/promises";
import type { Store } from "@aspen/storage";
import { openStore } from "@aspen/storage/open";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type AspenNode, createNode, type NodeConfig } from "../src/index.js";
import { methodOf, sharedStore, startMember, untilNodes } from "./cluster-support.js";
import { type Answer, http } from "./support.js";

let redis: RedisServer;
let url: string;

beforeAll(async () => {
  redis = await RedisServer.start();
  ({ url } = redis);
});
afterAll(() => redis[Symbol.asyncDispose]());

interface Made {
  token: string;
  id: string;
}

function call(node: AspenNode, method: string, params: unknown, token: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` };
  return http(node.url, `/rpc/${method}`, { body: JSON.stringify(params), headers });
}

function start(config: NodeConfig = {}, store?: Store): Promise<AspenNode> {
  const place = store ? {} : { redisUrl: url };
  return createNode({
    ...(store ? { store } : {}),
    config: {
      ...place,
      ...{ listen: { port: 0 }, logLevel: "silent", auth: { required: true } },
      features: { "plugins-wasm": false },
      ...config,
    },
  });
}

const make = (node: AspenNode, params: Record<string, unknown> = { methods: ["*"], kvPrefixes: [""] }) =>
  node.inject("token.create", params) as Promise<Made>;

test("several nodes that start at once on an empty store have one key", async () => {
  const nodes = await Promise.all([1, 2, 3].map(() => start()));
  try {
    const { token } = await make(nodes[0]!);
    for (const node of nodes) expect((await call(node, "node.info", {}, token)).status).toBe(200);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});

test("a token of one node works on the other, which hears of its revocation", async () => {
  await using one = await start();
  await using two = await start();
  const { token, id } = await make(one);
  const derived = (await call(two, "token.create", { methods: ["kv.get"], kvPrefixes: ["a:"] }, token)).body as Made;
  expect((await call(one, "kv.get", { key: "a:1" }, derived.token)).status).toBe(200);
  expect((await call(two, "kv.get", { key: "a:1" }, derived.token)).status).toBe(200);
  await one.inject("token.revoke", { id });
  expect((await call(one, "kv.get", { key: "a:1" }, derived.token)).status).toBe(401);
  const begun = performance.now();
  while ((await call(two, "kv.get", { key: "a:1" }, derived.token)).status !== 401) await delay(20);
  process.stderr.write(`a revocation was seen by the other node after ${Math.round(performance.now() - begun)} ms\n`);
  expect((await call(two, "kv.get", { key: "a:1" }, token)).body.error.details).toEqual({ reason: "revoked" });
});

test("a rotation refuses no call that runs through it", async () => {
  await using one = await start();
  await using two = await start();
  const { token } = await make(one);
  const answers = new Map<number, number>();
  let running = true;
  const count = ({ status }: Answer) => answers.set(status, (answers.get(status) ?? 0) + 1);
  const callers = [one, two].map(async (node) => {
    while (running) {
      count(await call(node, "kv.put", { key: "r:1", value: "1" }, token));
      // One that is signed here by the newest key is sent to the other at once.
      const { body } = await call(node, "token.create", { methods: ["node.info"] }, token);
      count(await call(node === one ? two : one, "node.info", {}, body.token));
    }
  });
  for (let round = 0; round < 5; round += 1) {
    await (round % 2 === 0 ? one : two).inject("token.rotate", {});
    await delay(100);
  }
  running = false;
  await Promise.all(callers);
  expect([...answers.keys()]).toEqual([200]);
});

test("a request that is passed on keeps its caller, between nodes that need a token", async () => {
  const store = sharedStore();
  const auth = { auth: { required: true } } as const;
  await using one = await startMember(store, {}, {}, auth);
  await using two = await startMember(store, { "two.who": methodOf((_, { caller }) => caller) }, {}, auth);
  await untilNodes(one, 2);
  const { token, id } = await make(one, { methods: ["two.*"], kvPrefixes: ["a:"] });
  expect((await call(one, "two.who", {}, token)).body).toEqual({
    ...{ kind: "token", id, grants: { methods: ["two.*"], kvPrefixes: ["a:"] } },
  });
  const narrow = await make(one, { methods: ["kv.*"], kvPrefixes: [] });
  expect((await call(one, "two.who", {}, narrow.token)).body.error.code).toBe("PERMISSION_DENIED");
  expect(await one.inject("two.who")).toMatchObject({ kind: "local" });
  // A client that says it passes on for somebody else stays who it is.
  const told = { kind: "local", id: "local", grants: { methods: ["*"], kvPrefixes: [""] } };
  const headers = {
    authorization: `Bearer ${token}`,
    "x-aspen-caller": Buffer.from(JSON.stringify(told)).toString("base64url"),
    "x-aspen-via": "somebody",
  };
  expect((await http(two.url, "/rpc/two.who", { headers, body: "{}" })).body).toMatchObject({ kind: "token", id });
  const { authorization: _, ...without } = headers;
  expect((await http(two.url, "/rpc/two.who", { headers: without, body: "{}" })).status).toBe(401);
});

test("tokens are refused when the store has been away for so long that a revocation may be missed", async () => {
  const { kv, blobs } = await openStore({ driver: "redis", url });
  let away = false;
  const store: Store = {
    blobs,
    kv: new Proxy(kv, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (away && name === "get") return Promise.reject(new Error("away"));
          return (value as (...args: unknown[]) => unknown).apply(target, args);
        };
      },
    }),
    [Symbol.asyncDispose]: async () => undefined,
  };
  try {
    await using node = await start({ auth: { required: true, staleMs: 2000 } }, store);
    const { token } = await make(node);
    expect((await call(node, "node.info", {}, token)).status).toBe(200);
    away = true;
    while ((await call(node, "node.info", {}, token)).status === 200) await delay(50);
    expect((await call(node, "node.info", {}, token)).body.error).toMatchObject({ code: "STORE_UNAVAILABLE" });
    away = false;
    while ((await call(node, "node.info", {}, token)).status !== 200) await delay(50);
  } finally {
    await kv[Symbol.asyncDispose]();
  }
});
