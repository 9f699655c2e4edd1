import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { type Feature, POINTS } from "@aspen/feature";
import { FunctionWorker } from "@aspen/jobs";
import { AspenError, encodeUtf8 } from "@aspen/plugin-api";
import type { Caller, RequestContext } from "@aspen/rpc-core";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { ContainerModule } from "inversify";
import { forwardedCaller } from "../src/cluster/node-trust.js";
import { createNode } from "../src/index.js";
import { methodOf, sharedStore, startMember, untilNodes } from "./cluster-support.js";
import { featureOf, http } from "./support.js";

const post = (url: string, method: string, params: unknown = {}, headers: Record<string, string> = {}) =>
  http(url, `/rpc/${method}`, { body: JSON.stringify(params), headers });

/** A record of a node that nobody runs. */
function ghost(id: string, address: string, methods: string[], safeMethods: string[] = []) {
  const lists = { methods, safeMethods, features: [], jobTypes: [] };
  const value = { id, incarnation: 1, address, version: "0", state: "serving", ...lists };
  return [`__sys:member:${id}`, encodeUtf8(JSON.stringify(value))] as const;
}

/** A server that cuts every connection after a request has arrived. */
async function cutting(): Promise<{ url: string; requests: () => number } & AsyncDisposable> {
  let requests = 0;
  const server = createServer((request) => {
    requests += 1;
    request.resume();
    request.once("end", () => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => new Promise<void>((resolve) => void server.close(() => resolve()));
  return { url, requests: () => requests, [Symbol.asyncDispose]: close };
}

/** An address at which nobody listens. */
async function deadAddress(): Promise<string> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return `http://127.0.0.1:${port}`;
}

test("every node says who serves what; one that stops is gone", async () => {
  const store = sharedStore();
  await using one = await startMember(store, {}, {}, { features: { blob: false } });
  const two = await startMember(store, { "two.only": methodOf(() => 2, true) });
  await untilNodes(one, 2);
  const { nodes } = await one.client.call("cluster.nodes");
  const [first, second] = [one, two].map(({ id }) => nodes.find((node) => node.id === id)!);
  expect(first).toMatchObject({
    self: true,
    address: one.url,
    state: "serving",
    healthy: true,
    load: expect.any(Number),
  });
  expect(second).toMatchObject({ self: false, address: two.url, version: expect.stringMatching(/^\d/) });
  expect(second!.methods).toEqual(expect.arrayContaining(["kv.get", "kv.put", "cluster.nodes", "two.only"]));
  expect(second!.safeMethods).toEqual(expect.arrayContaining(["kv.get", "two.only"]));
  expect(second!.safeMethods).not.toContain("kv.put");
  expect([first!.features.includes("blob"), second!.features.includes("blob")]).toEqual([false, true]);
  const serving = await one.client.call("cluster.nodes", { serving: "two.only" });
  expect(serving.nodes.map(({ id }) => id)).toEqual([two.id]);
  await two[Symbol.asyncDispose]();
  await untilNodes(one, 1);
});

test("what a node cannot serve is answered by one that can, with caller, deadline and request id", async () => {
  const store = sharedStore();
  let seen: RequestContext | undefined;
  const echo = methodOf((params, context) => {
    seen = context;
    return params;
  });
  await using one = await startMember(store);
  await using two = await startMember(store, { "two.echo": echo });
  await untilNodes(one, 2);
  const params = { text: "ü", list: [1, null], deep: { a: true } };
  const answer = await post(one.url, "two.echo", params, { "x-request-id": "trace-1", "x-aspen-timeout-ms": "60000" });
  expect(answer).toMatchObject({ status: 200, body: params, headers: { "x-request-id": "trace-1" } });
  expect(seen).toMatchObject({ requestId: "trace-1", via: [one.id], caller: { kind: "local", id: "local" } });
  expect(seen!.deadline! - performance.now()).toBeLessThanOrEqual(60_000);
  const narrow: Caller = { kind: "token", id: "t1", grants: { methods: ["two.*", "kv.get"], kvPrefixes: ["a:"] } };
  expect(await one.inject("two.echo", { a: 1 }, { caller: narrow })).toEqual({ a: 1 });
  expect(seen!.caller).toEqual(narrow);
  await expect(
    one.inject("two.echo", {}, { caller: { ...narrow, grants: { methods: ["kv.get"], kvPrefixes: [] } } }),
  ).rejects.toMatchObject({
    code: "PERMISSION_DENIED",
  });
  const text = await (await fetch(`${two.url}/metrics`)).text();
  expect(text).toContain("aspen_cluster_nodes 2");
});

test("what a request says of its caller only narrows what its sender may do", async () => {
  await using one = await startMember(sharedStore());
  const told = (caller: unknown) => ({ "x-aspen-caller": Buffer.from(JSON.stringify(caller)).toString("base64url") });
  const caller = { kind: "token", id: "t", grants: { methods: ["kv.get"], kvPrefixes: ["a:"] } };
  expect((await post(one.url, "kv.get", { key: "a:1" }, told(caller))).status).toBe(200);
  expect((await post(one.url, "kv.get", { key: "b:1" }, told(caller))).body.error.code).toBe("PERMISSION_DENIED");
  expect((await post(one.url, "kv.put", { key: "a:1", value: "" }, told(caller))).body.error.code).toBe(
    "PERMISSION_DENIED",
  );
  const bad = [
    told({ ...caller, kind: "root" }),
    told({ ...caller, grants: {} }),
    { "x-aspen-caller": "x".repeat(9000) },
    { "x-aspen-via": "a,,b" },
    { "x-aspen-via": Array.from({ length: 17 }, () => "a").join(",") },
    { "x-aspen-timeout-ms": "soon" },
  ];
  for (const headers of bad) {
    expect((await post(one.url, "kv.get", { key: "a:1" }, headers)).body.error.code).toBe("INVALID_PARAMS");
  }
});

test("a deadline ends the work on the other node too", async () => {
  const store = sharedStore();
  let ended: (reason: unknown) => void = () => undefined;
  const over = new Promise((resolve) => {
    ended = resolve;
  });
  const hang = methodOf(
    (_params, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(ended(signal.reason)))),
  );
  await using one = await startMember(store);
  await using _two = await startMember(store, { "two.hang": hang });
  await untilNodes(one, 2);
  const answer = await post(one.url, "two.hang", {}, { "x-aspen-timeout-ms": "300" });
  expect(answer.body.error.code).toBe("DEADLINE_EXCEEDED");
  await over;
});

test("a node that is dead, or is none, is passed over", async () => {
  const store = sharedStore();
  await using other = await cutting();
  await store.kv.put(...ghost("dead", await deadAddress(), ["two.count", "dead.only"]));
  await using one = await startMember(store);
  let count = 0;
  await using _two = await startMember(store, { "two.count": methodOf(() => (count += 1)) });
  await untilNodes(one, 3);
  for (let calls = 1; calls <= 10; calls += 1) expect((await post(one.url, "two.count")).body).toBe(calls);
  expect((await post(one.url, "dead.only")).body.error.code).toBe("NODE_UNREACHABLE");
  expect(other.requests()).toBe(0);
});

test("a call whose outcome is unknown goes to another node only when it may be done twice", async () => {
  const store = sharedStore();
  await using other = await cutting();
  await store.kv.put(...ghost("cut", other.url, ["two.read", "two.write"], ["two.read"]));
  await using one = await startMember(store);
  let writes = 0;
  const methods = { "two.read": methodOf(() => "read", true), "two.write": methodOf(() => (writes += 1)) };
  await using _two = await startMember(store, methods);
  await untilNodes(one, 3);
  for (let calls = 0; calls < 20; calls += 1) expect((await post(one.url, "two.read")).body).toBe("read");
  expect(other.requests()).toBeGreaterThan(0);
  const before = other.requests();
  const codes = new Set<string | undefined>();
  for (let calls = 0; calls < 40; calls += 1) codes.add((await post(one.url, "two.write")).body.error?.code);
  expect([...codes].sort()).toEqual(["OUTCOME_UNKNOWN", undefined]);
  expect(writes + other.requests() - before).toBe(40);
});

test("a call that was begun is not made again because a call of its own reached no node", async () => {
  const store = sharedStore();
  let writes = 0;
  let reads = 0;
  const unreachable = () => new AspenError("NODE_UNREACHABLE", "of another call");
  const methods = {
    "two.write": methodOf(() => {
      writes += 1;
      throw unreachable();
    }),
    "two.read": methodOf(() => {
      reads += 1;
      throw unreachable();
    }, true),
  };
  await using one = await startMember(store);
  await using _two = await startMember(store, methods);
  await using _three = await startMember(store, methods);
  await untilNodes(one, 3);
  expect((await post(one.url, "two.write")).body.error.code).toBe("NODE_UNREACHABLE");
  expect(writes).toBe(1);
  expect((await post(one.url, "two.read")).body.error.code).toBe("NODE_UNREACHABLE");
  expect(reads).toBe(2);
});

test("only a local sender speaks for another caller", () => {
  const grants = { methods: ["kv.*"], kvPrefixes: ["a:"] };
  const told: Caller = { kind: "local", id: "root", grants: { methods: ["*"], kvPrefixes: [""] } };
  const anonymous: Caller = { kind: "anonymous", id: "anonymous", grants };
  expect(forwardedCaller(anonymous, told)).toEqual(anonymous);
  expect(forwardedCaller({ ...anonymous, kind: "token", id: "t" }, told)).toEqual({
    ...{ kind: "token", id: "t" },
    grants,
  });
  const caller: Caller = { kind: "token", id: "t", grants };
  const local: Caller = { kind: "local", id: "local", grants: told.grants };
  expect(forwardedCaller(local, caller)).toEqual(caller);
});

test("a forwarded caller keeps the plugins that it came through, so that a ring over nodes ends", () => {
  const grants = { methods: ["*"], kvPrefixes: [""] };
  const told: Caller = { kind: "plugin", id: "b", grants, through: ["a", "b"] };
  for (const kind of ["local", "plugin", "token"] as const) {
    expect(forwardedCaller({ kind, id: "b", grants }, told).through).toEqual(["a", "b"]);
  }
});

test("a request does not go round: no node is asked twice, and hops are counted", async () => {
  const store = sharedStore();
  const nodes = await Promise.all([1, 2, 3].map(() => startMember(store, {}, { hops: 2 })));
  try {
    // Each takes another one for the node that serves it.
    for (const [at, node] of nodes.entries()) await store.kv.put(...ghost(`g${at}`, node.url, ["ring.call"]));
    await untilNodes(nodes[0]!, 6);
    const { body } = await post(nodes[0]!.url, "ring.call");
    expect(body.error).toMatchObject({ code: "METHOD_NOT_FOUND", details: { method: "ring.call" } });
    expect(body.error.details.nodes.map(({ id }: { id: string }) => id).sort()).toEqual(["g0", "g1", "g2"]);
    const text = await Promise.all(nodes.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    const sent = text.map((it) => Number(/aspen_cluster_forwarded_total (\d+)/.exec(it)![1]));
    // The first asks three, each of those three once more at most, and those nobody.
    expect(sent.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(3 + 9);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});

test("with forwarding off, the error names the nodes that serve the method", async () => {
  const store = sharedStore();
  await using one = await startMember(store, {}, { forward: false });
  await using two = await startMember(store, { "two.only": methodOf(() => 2) });
  await untilNodes(one, 2);
  const { status, body } = await post(one.url, "two.only");
  expect(status).toBe(404);
  expect(body.error).toMatchObject({
    code: "METHOD_NOT_FOUND",
    details: { nodes: [{ id: two.id, address: two.url }] },
  });
  expect(body.error.message).toContain(two.url);
  expect((await post(one.url, "nobody.here")).body.error.details).toEqual({ method: "nobody.here" });
  const anonymous: Caller = { kind: "anonymous", id: "anonymous", grants: { methods: [], kvPrefixes: [] } };
  await expect(one.inject("two.only", {}, { caller: anonymous })).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
});

test("a node that drains is sent nothing, and answers what it has", async () => {
  const store = sharedStore();
  await using one = await startMember(store);
  let release: (value: string) => void = () => undefined;
  let calledTwo: () => void = () => undefined;
  const underWay = new Promise<void>((resolve) => {
    calledTwo = resolve;
  });
  const slow = methodOf(() => {
    calledTwo();
    return new Promise<string>((resolve) => {
      release = resolve;
    });
  });
  const two = await startMember(store, { "two.slow": slow, "both.who": methodOf(() => "two") });
  await untilNodes(one, 2);
  const waiting = post(one.url, "two.slow");
  await underWay;
  const stopped = two[Symbol.asyncDispose]();
  await untilNodes(one, 1, ({ state }) => state === "draining");
  await using _three = await startMember(store, { "both.who": methodOf(() => "three") });
  await untilNodes(one, 2, ({ methods }) => methods.includes("both.who"));
  for (let calls = 0; calls < 10; calls += 1) expect((await post(one.url, "both.who")).body).toBe("three");
  release("done");
  expect((await waiting).body).toBe("done");
  await stopped;
});

test("a node with more methods than fit into its record starts, and serves them", async () => {
  const names = Array.from({ length: 3000 }, (_, i) => `big.${"m".repeat(90)}${i}`);
  const long = `big.${"m".repeat(300)}`;
  const methods = Object.fromEntries([...names, long].map((name) => [name, methodOf(() => name.length, true)]));
  const store = sharedStore();
  await using one = await startMember(store, methods);
  expect(await one.client.call(long)).toBe(long.length);
  const { nodes } = await one.client.call("cluster.nodes");
  const told = nodes[0]!.methods.filter((name) => name.startsWith("big."));
  expect(told.length).toBeGreaterThan(500);
  expect(names).toEqual(expect.arrayContaining(told));
});

test("every node says which jobs the others run; a worker without the jobs feature is not told of", async () => {
  const store = sharedStore();
  const workers = (...types: string[]) =>
    featureOf(
      new ContainerModule(({ bind }) => {
        bind(POINTS.worker).toConstantValue(new FunctionWorker(types.map((type) => ({ type, run: () => null }))));
      }),
    );
  const cluster = { beatMs: 20_000, ttlMs: 60_000 };
  const start = (features: Feature[], jobs?: Record<string, unknown>) =>
    createNode({
      ...{ store, features },
      config: {
        listen: { port: 0 },
        logLevel: "silent",
        features: { "plugins-wasm": false, cluster, ...(jobs && { jobs }) },
      },
    });
  await using one = await start([workers("images.scale", "mail")], {});
  await using two = await start([workers("idle")]);
  await untilNodes(two, 2);
  const { nodes } = await two.client.call("cluster.nodes");
  const typesOf = (id: string) => nodes.find((node) => node.id === id)!.jobTypes;
  expect([...typesOf(one.id)].sort()).toEqual(["images.scale", "mail"]);
  expect(typesOf(two.id)).toEqual([]);
});

test("job types that do not fit into a record are left out of it", async () => {
  const many = Array.from({ length: 5000 }, (_, at) => `type-${at}`);
  const module = new ContainerModule(({ bind }) => {
    bind(POINTS.announcement).toConstantValue({ jobTypes: () => ["x".repeat(300), ...many] });
  });
  const config = { listen: { port: 0 }, logLevel: "silent" as const, features: { "plugins-wasm": false } };
  await using node = await createNode({ store: sharedStore(), features: [featureOf(module)], config });
  const [self] = (await node.client.call("cluster.nodes")).nodes;
  expect(self!.jobTypes).toEqual(many.slice(0, 1000));
});

test("a record cannot send requests to other machines", async () => {
  const store = sharedStore();
  await store.kv.put(...ghost("far", "http://192.0.2.1:80", ["far.call"]));
  await using one = await startMember(store);
  await untilNodes(one, 2);
  expect((await post(one.url, "far.call")).body.error).toMatchObject({ code: "METHOD_NOT_FOUND" });
  await expect(startMember(store, {}, { address: "http://192.0.2.1:80" })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
  });
});

test.each(["is gone", "does not answer"])("a node stops within seconds while its store %s", async (how) => {
  await using redis = await RedisServer.start();
  const features = { "plugins-wasm": false, jobs: {} };
  const node = await createNode({
    config: { redisUrl: redis.url, listen: { port: 0 }, logLevel: "silent", features },
  });
  if (how === "is gone") await redis.stop();
  else redis.signal("SIGSTOP");
  const since = performance.now();
  await node[Symbol.asyncDispose]();
  // A command is given up after 5 s, and two of them follow each other. It takes half of this where nothing else runs.
  expect(performance.now() - since).toBeLessThan(7000);
});
