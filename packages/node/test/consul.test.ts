import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import Consul from "consul";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;
let consul: Consul;
beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await startNode(directory.path, { features: { "service-registry": { registerNode: false } } });
  const { hostname, port } = new URL(node.url);
  consul = new Consul({ host: hostname, port: Number(port) });
}, 120_000);
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await directory?.remove();
});

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not happen`);
    await delay(20);
  }
}

const passing = async (service: string, more: object = {}) =>
  (await consul.health.service({ service, passing: true, ...more })) as { Service: { ID: string } }[];

describe("Consul's client, as it is", () => {
  test("registers a service with a TTL check, which passes, warns, fails and falls silent", async () => {
    await consul.agent.service.register({
      ...{ name: "web", id: "web1", address: "10.0.0.1", port: 8080, tags: ["primary", "v1"], meta: { env: "test" } },
      check: { ttl: "1s" },
    } as never);
    expect(await passing("web")).toEqual([]);
    await consul.agent.check.pass("service:web1");
    await until(async () => (await passing("web")).length === 1, "passing");
    const [entry] = (await consul.health.service("web")) as never as Record<string, never>[];
    expect(entry).toMatchObject({
      Node: { Node: "aspen", Datacenter: "dc1" },
      Service: { ID: "web1", Service: "web", Address: "10.0.0.1", Port: 8080, Tags: ["primary", "v1"] },
      Checks: [{ CheckID: "service:web1", Type: "ttl", Definition: { TTL: "1s" } }],
    });
    await consul.agent.check.warn({ id: "service:web1", note: "hot" });
    await until(async () => {
      const [check] = (await consul.health.checks("web")) as { Status: string; Output: string }[];
      return check?.Status === "warning" && check.Output === "hot";
    }, "the warning");
    await consul.agent.check.fail("service:web1");
    await until(async () => ((await consul.health.state("critical")) as unknown[]).length === 1, "the failure");
    await consul.agent.check.pass("service:web1");
    await until(async () => (await passing("web")).length === 1, "passing again");
    await until(async () => (await passing("web")).length === 0, "the silence");
    const checks = (await consul.agent.check.list()) as Record<string, { Status: string; Output: string }>;
    expect(checks["service:web1"]).toMatchObject({ Status: "critical", Output: "TTL expired" });
  });

  test("sees the catalog, filters, maintenance and the end of a service", async () => {
    for (const [id, env] of [
      ["api1", "prod"],
      ["api2", "test"],
    ]) {
      await consul.agent.service.register({
        name: "api",
        id,
        address: "10.0.0.2",
        port: 1,
        tags: [env],
        meta: { env },
      } as never);
    }
    expect(await consul.catalog.datacenters()).toEqual(["dc1"]);
    expect(await consul.catalog.service.list()).toMatchObject({ api: ["prod", "test"] });
    const found = (await consul.catalog.service.nodes("api")) as { ServiceID: string; ServiceMeta: object }[];
    expect(found.map(({ ServiceID }) => ServiceID)).toEqual(["api1", "api2"]);
    const filtered = async (filter: string) => (await passing("api", { filter })).map((entry) => entry.Service.ID);
    expect(await filtered('Service.Meta.env == "prod"')).toEqual(["api1"]);
    expect(await filtered('"test" in Service.Tags and not Service.Port == 2')).toEqual(["api2"]);
    expect(await filtered("(Service.ID == api1 or Service.ID != api2) and Service.Meta is not empty")).toEqual([
      "api1",
    ]);
    await expect(filtered("Service.ID ===")).rejects.toMatchObject({ statusCode: 400 });
    await consul.agent.service.maintenance({ id: "api1", enable: true });
    expect((await passing("api")).map((entry) => entry.Service.ID)).toEqual(["api2"]);
    await consul.agent.service.maintenance({ id: "api1", enable: false });
    expect(await passing("api")).toHaveLength(2);
    await consul.agent.service.deregister("api1");
    expect(Object.keys((await consul.agent.service.list()) as object)).toContain("api2");
    expect(await passing("api")).toHaveLength(1);
    await expect(consul.agent.service.deregister("api1")).rejects.toMatchObject({ statusCode: 404 });
  });

  test("adds and removes checks, and registers for others", async () => {
    await consul.agent.service.register({ name: "db", id: "db1", address: "10.0.0.3" } as never);
    await consul.agent.check.register({ name: "extra", serviceid: "db1", ttl: "30s", status: "passing" } as never);
    expect(await passing("db")).toHaveLength(1);
    await consul.agent.check.fail("extra");
    await until(async () => (await passing("db")).length === 0, "the failure");
    await consul.agent.check.deregister("extra");
    expect(await passing("db")).toHaveLength(1);
    await consul.catalog.register({
      ...{ node: "external", address: "192.0.2.1" },
      service: { service: "legacy", id: "l1", port: 5432 },
      check: { name: "by hand", status: "passing" },
    } as never);
    const [legacy] = (await consul.health.service("legacy")) as never as Record<string, never>[];
    expect(legacy).toMatchObject({
      Node: { Node: "external", Address: "192.0.2.1" },
      Service: { Address: "192.0.2.1" },
    });
    await consul.catalog.deregister({ node: "external" } as never);
    expect(await consul.health.service("legacy")).toEqual([]);
  });

  test("watches a service through a hundred changes, each index above the last", async () => {
    const watch = consul.watch({ method: consul.health.service, options: { service: "watched" } as never });
    const seen: number[] = [];
    const states: number[] = [];
    const failures: unknown[] = [];
    watch.on("change", (data: unknown[], response: { headers: Record<string, string> }) => {
      seen.push(Number(response.headers["x-consul-index"]));
      states.push(data.length === 0 ? -1 : Number((data[0] as { Service: { Port: number } }).Service.Port));
    });
    watch.on("error", (error: unknown) => failures.push(error));
    try {
      for (let port = 1; port <= 100; port++) {
        await consul.agent.service.register({ name: "watched", id: "w", address: "10.0.0.1", port } as never);
        await until(async () => states.at(-1) === port, `change ${port}`);
      }
    } finally {
      watch.end();
    }
    expect(failures).toEqual([]);
    expect(states.filter((state) => state > 0)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  });

  test("waits for its own service alone", async () => {
    await consul.agent.service.register({ name: "quiet", id: "q", address: "10.0.0.1" } as never);
    const first = await http(node.url, "/v1/health/service/quiet", { method: "GET" });
    const index = first.headers["x-consul-index"];
    expect(Number(index)).toBeGreaterThan(0);
    let ended = false;
    const waiting = http(node.url, `/v1/health/service/quiet?index=${index}&wait=60s`, { method: "GET" }).then(
      (answer) => {
        ended = true;
        return answer;
      },
    );
    for (let n = 0; n < 5; n++) {
      await consul.agent.service.register({ name: "loud", id: `l${n}`, address: "10.0.0.1" } as never);
    }
    expect(ended).toBe(false);
    await consul.agent.service.register({ name: "quiet", id: "q", address: "10.0.0.9" } as never);
    const { headers, body } = await waiting;
    expect(Number(headers["x-consul-index"])).toBeGreaterThan(Number(index));
    expect(body[0].Service.Address).toBe("10.0.0.9");
    const timed = await http(node.url, `/v1/health/service/quiet?index=${headers["x-consul-index"]}&wait=10ms`, {
      method: "GET",
    });
    expect(timed.headers["x-consul-index"]).toBe(headers["x-consul-index"]);
  });

  test("keeps values: set, get, cas, recurse, keys, raw, delete, blocking", async () => {
    expect(await consul.kv.set("app/one", "1")).toBe(true);
    expect(await consul.kv.set("app/two", "2")).toBe(true);
    expect(await consul.kv.set({ key: "app/deep/three", value: "3", flags: 7 })).toBe(true);
    const one = (await consul.kv.get("app/one")) as { Value: string; ModifyIndex: number; CreateIndex: number };
    expect(one).toMatchObject({ Key: "app/one", Value: "1", LockIndex: 0, Flags: 0 });
    expect(one.CreateIndex).toBe(one.ModifyIndex);
    expect(await consul.kv.set({ key: "app/one", value: "x", cas: "0" } as never)).toBeFalsy();
    expect(await consul.kv.set({ key: "app/one", value: "11", cas: String(one.ModifyIndex) } as never)).toBe(true);
    expect(await consul.kv.set({ key: "app/one", value: "12", cas: String(one.ModifyIndex) } as never)).toBeFalsy();
    // The client makes nothing of what is false.
    const refused = await http(node.url, "/v1/kv/app/one?cas=0", { method: "PUT", body: "x" });
    expect(refused).toMatchObject({ status: 200, body: false });
    expect(await consul.kv.get("app/one")).toMatchObject({ Value: "11", CreateIndex: one.CreateIndex });
    const all = (await consul.kv.get({ key: "app/", recurse: true })) as never as { Key: string }[];
    expect(all.map(({ Key }) => Key)).toEqual(["app/deep/three", "app/one", "app/two"]);
    expect(await consul.kv.keys({ key: "app/", separator: "/" } as never)).toEqual(["app/deep/", "app/one", "app/two"]);
    expect(await consul.kv.get("app/none")).toBeFalsy();
    const { headers } = await http(node.url, "/v1/kv/app/two", { method: "GET" });
    const waiting = http(node.url, `/v1/kv/app/two?index=${headers["x-consul-index"]}`, { method: "GET" });
    await consul.kv.set("app/one", "again");
    await consul.kv.del("app/two");
    const gone = await waiting;
    expect(gone.status).toBe(404);
    expect(Number(gone.headers["x-consul-index"])).toBeGreaterThan(Number(headers["x-consul-index"]));
    await consul.kv.del({ key: "app/", recurse: true });
    expect(await consul.kv.get({ key: "app/", recurse: true })).toBeFalsy();
  });

  test("has sessions and locks", async () => {
    const { ID: first } = (await consul.session.create({ name: "one", ttl: "10s", lockdelay: "0s" } as never)) as {
      ID: string;
    };
    const { ID: second } = (await consul.session.create({ ttl: "10s", lockdelay: "0s" } as never)) as { ID: string };
    const take = (session: string) => consul.kv.set({ key: "lock", value: session, acquire: session });
    expect(await take(first)).toBe(true);
    expect(await take(first)).toBe(true);
    expect(await take(second)).toBeFalsy();
    expect(await consul.kv.get("lock")).toMatchObject({ Session: first, LockIndex: 1 });
    expect(await consul.kv.set({ key: "lock", value: "", release: second })).toBeFalsy();
    expect(await consul.kv.set({ key: "lock", value: "", release: first })).toBe(true);
    expect(await take(second)).toBe(true);
    expect(await consul.session.renew(second)).toMatchObject([{ ID: second, TTL: "10s" }]);
    expect(((await consul.session.list()) as { ID: string }[]).map(({ ID }) => ID).sort()).toEqual(
      [first, second].sort(),
    );
    await consul.session.destroy(second);
    const freed = (await consul.kv.get("lock")) as { Session?: string; LockIndex: number };
    expect(freed).toMatchObject({ LockIndex: 2 });
    expect(freed.Session).toBeUndefined();
    await expect(take(second)).rejects.toMatchObject({ statusCode: 500 });
    const { ID: third } = (await consul.session.create({ behavior: "delete", lockdelay: "60s" } as never)) as {
      ID: string;
    };
    expect(await take(third)).toBe(true);
    await consul.session.destroy(third);
    expect(await consul.kv.get("lock")).toBeFalsy();
    expect(await take(first)).toBeFalsy();
  });

  test("has HTTP and TCP checks run", async () => {
    let status = 200;
    const server = createServer((_request, response) => response.writeHead(status).end("secret"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      await consul.agent.service.register({
        ...{ name: "probed", id: "p1", address: "127.0.0.1", port },
        checks: [
          { http: `http://127.0.0.1:${port}/health`, interval: "1s" },
          { tcp: `127.0.0.1:${port}`, interval: "1s" },
        ],
      } as never);
      await until(async () => (await passing("probed")).length === 1, "passing");
      const checks = JSON.stringify(await consul.health.checks("probed"));
      expect(checks).toContain("200");
      expect(checks).not.toContain("secret");
      status = 500;
      await until(async () => (await passing("probed")).length === 0, "the failure");
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await until(async () => {
      const found = (await consul.health.checks("probed")) as { Status: string }[];
      return found.every(({ Status }) => Status === "critical");
    }, "both failures");
    await consul.agent.service.deregister("p1");
  });
});

test("what is wrong is answered as Consul does", async () => {
  const raw = (method: string, path: string, body?: string) =>
    fetch(new URL(path, node.url), { method, ...(body === undefined ? {} : { body }) });
  const statuses: [string, string, string | undefined, number][] = [
    ["PUT", "/v1/agent/service/register", "{", 400],
    ["PUT", "/v1/agent/service/register", "[]", 400],
    ["PUT", "/v1/agent/service/register", "{}", 400],
    ["PUT", "/v1/agent/service/register", '{"Name":"a b"}', 400],
    ["PUT", "/v1/agent/service/register", '{"Name":"a","Port":70000}', 400],
    ["PUT", "/v1/agent/service/register", '{"Name":"a","Check":{"TTL":"soon"}}', 400],
    ["PUT", "/v1/agent/service/register", '{"Name":"a","Check":{"Args":["sh"]}}', 400],
    ["PUT", "/v1/agent/service/register", '{"Name":"a","Check":{"TTL":"1s","Status":"fine"}}', 400],
    ["PUT", "/v1/agent/service/deregister/nobody", undefined, 404],
    ["PUT", "/v1/agent/check/pass/nobody", undefined, 404],
    ["PUT", "/v1/agent/service/maintenance/nobody", undefined, 400],
    ["POST", "/v1/agent/services", undefined, 405],
    ["GET", "/v1/acl/tokens", undefined, 404],
    ["GET", "/v1/health/state/good", undefined, 400],
    ["GET", "/v1/health/service/web?index=minus", undefined, 400],
    ["GET", "/v1/health/service/web?index=1&wait=long", undefined, 400],
    ["GET", "/v1/health/service/web?dc=mars", undefined, 500],
    ["GET", `/v1/health/service/web?filter=${"(".repeat(100)}`, undefined, 400],
    ["GET", "/v1/kv/", undefined, 400],
    ["PUT", `/v1/kv/${"k".repeat(513)}`, "v", 400],
    ["PUT", "/v1/kv/big", "x".repeat(512 * 1024 + 1), 413],
    ["PUT", "/v1/kv/a?acquire=b&release=c", "v", 400],
    ["PUT", "/v1/session/create", '{"TTL":"5s"}', 400],
    ["PUT", "/v1/session/create", '{"Behavior":"explode"}', 400],
    ["PUT", "/v1/session/renew/00000000-0000-0000-0000-000000000000", undefined, 404],
    ["PUT", "/v1/session/renew/x", undefined, 400],
    ["PUT", "/v1/catalog/register", '{"Node":"a"}', 400],
    ["GET", "/v1/%zz", undefined, 400],
  ];
  for (const [method, path, body, status] of statuses) {
    const answer = await raw(method, path, body);
    const sentence = await answer.text();
    expect([method, path.slice(0, 60), answer.status]).toEqual([method, path.slice(0, 60), status]);
    expect(sentence.length).toBeGreaterThan(5);
    expect(sentence).not.toMatch(/\n\s+at /);
  }
});
