import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { NodeProcess, type NodeProcessOptions } from "./start-deaths/node-process.js";
import { eventually, Host, scripted } from "./support.js";

/** Long enough for a process on a busy machine to show that it lives. */
const LEASE_MS = 3000;

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "aspen-start-deaths-"));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

describe("a node on the embedded store", () => {
  const directory = () => join(cwd, "data");
  const boot = (options: Partial<NodeProcessOptions> = {}) =>
    new NodeProcess({ directory: directory(), cwd, ...options });
  /** Does something with the store while no node has it. */
  async function meanwhile<T>(work: (host: Host) => Promise<T>): Promise<T> {
    await using store = await EmbeddedStore.open({ directory: directory() });
    await using host = await Host.start(store, { soleNode: true });
    return await work(host);
  }
  const installed = () =>
    meanwhile(async ({ installer }) => {
      for (const name of ["bad", "good", "slow"]) await installer.install(scripted(name, { answer: name }));
    });

  test("dies of a plugin twice, and then starts without it, until it is enabled again", async () => {
    await installed();
    // Others are on their way at the first death; at the second it is the only one.
    await using first = boot({ abortOn: ["bad"], hangOn: ["good", "slow"] });
    expect(await first.end()).toBe("SIGABRT");
    await using second = boot({ abortOn: ["bad"] });
    expect(await second.end()).toBe("SIGABRT");
    await using third = boot({ abortOn: ["bad"] });
    expect(await third.states()).toEqual({ bad: "failed", good: "ready", slow: "ready" });
    const { error } = (await third.list()).find(({ name }) => name === "bad")!;
    expect(error).toMatchObject({
      code: "PLUGIN_UNAVAILABLE",
      message: expect.stringMatching(/quarantined.*aspen plugin enable/),
      details: { verdict: "quarantined" },
    });
    expect(third.begun).not.toContain("bad");
    await third[Symbol.asyncDispose]();
    await meanwhile(async ({ installer, client }) => {
      for (const change of [installer.reload("bad"), installer.update(scripted("bad", { answer: "bad" }))]) {
        await expect(change).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
      }
      expect(await installer.enable("bad")).toMatchObject({ state: "ready" });
      await expect(client.call("bad.x")).resolves.toBe("bad");
    });
    await using fourth = boot();
    expect(await fourth.states()).toEqual({ bad: "ready", good: "ready", slow: "ready" });
  });

  test("lifts the quarantine for other code", async () => {
    await installed();
    for (let death = 0; death < 2; death++) {
      await using node = boot({ abortOn: ["bad"], hangOn: death === 0 ? ["good", "slow"] : [] });
      expect(await node.end()).toBe("SIGABRT");
    }
    await meanwhile(async ({ installer, plugins, client }) => {
      expect((await plugins.get("bad"))?.startDeath).toMatchObject({ verdict: "quarantined" });
      expect(await installer.update(scripted("bad", { answer: "mended" }))).toMatchObject({ state: "ready" });
      await expect(client.call("bad.x")).resolves.toBe("mended");
    });
  });

  test.each([
    ["one plugin", ["slow"]],
    ["all of them", ["bad", "good", "slow"]],
  ])("killed from outside while it starts %s, again and again, it loses none", async (_what, hangOn) => {
    await installed();
    for (let kill = 0; kill < 3; kill++) {
      await using node = boot({ hangOn });
      for (const name of hangOn) await node.starts(name);
      await node.kill();
      await using next = boot();
      expect(await next.states()).toEqual({ bad: "ready", good: "ready", slow: "ready" });
    }
    await meanwhile(async ({ plugins }) => {
      for (const { startDeath } of (await plugins.snapshot()).records.values()) expect(startDeath).toBeNull();
    });
  });

  test("a plugin that a suspect needs is started before it", async () => {
    await meanwhile(async ({ installer }) => {
      await installer.install(scripted("z-base", {}));
      await installer.install(scripted("bad", {}, { dependencies: [{ name: "z-base" }] }));
    });
    await using first = boot({ hangOn: ["bad"] });
    await first.starts("bad");
    await first.kill();
    await using second = boot({ abortOn: ["bad"] });
    expect(await second.end()).toBe("SIGABRT");
    expect(second.begun).toEqual(["z-base", "bad"]);
    await using third = boot();
    expect(await third.states()).toEqual({ bad: "failed", "z-base": "ready" });
  });

  test("a death in the first installation, or in an update, leaves what was", async () => {
    await meanwhile(async ({ installer, plugins, store }) => {
      await installer.install(scripted("a", { answer: 1 }));
      const note = {
        node: "0b9e2a3c-8d1f-4e57-9a64-1f2d3c4b5a69",
        host: "h",
        pid: 7,
        startedAt: new Date().toISOString(),
      };
      await plugins.startNotes.put({ ...note, plugin: "new", codeHash: "e".repeat(64) });
      await plugins.startNotes.put({ ...note, plugin: "a", codeHash: "f".repeat(64) });
      await store.kv.put("__sys:plugin-start:a:damaged", new Uint8Array([123]));
    });
    await meanwhile(async ({ supervisor, plugins }) => {
      expect(supervisor.list()).toMatchObject([{ name: "a", state: "ready" }]);
      expect((await plugins.get("a"))?.startDeath).toBeNull();
      expect(await plugins.startNotes.all()).toEqual([]);
    });
  });
});

describe("nodes on one Redis", () => {
  test("one alone dies of an install on another; it dies once more of it, and then no node starts it", async () => {
    await using redis = await RedisServer.start();
    await using store = await RedisStore.open({ url: redis.url });
    await using installing = await Host.start(store, { leaseMs: LEASE_MS });
    await installing.installer.install(scripted("good", {}));
    const boot = () => new NodeProcess({ redis: redis.url, leaseMs: LEASE_MS, abortOn: ["bad"], cwd });
    const nodes = [boot(), boot(), boot()];
    await using _first = nodes[0]!;
    await using _second = nodes[1]!;
    await using _third = nodes[2]!;
    for (const node of nodes) expect(await node.states()).toEqual({ good: "ready" });
    await installing.installer.install(scripted("bad", { answer: "alive" }));
    await eventually(() => nodes.some(({ alive }) => !alive), 60_000);
    const left = nodes.filter(({ alive }) => alive);
    expect(left).toHaveLength(2);
    for (const node of left) {
      await eventually(async () => (await node.states()).bad === "failed", 60_000);
      expect(node.begun).not.toContain("bad");
      const bad = (await node.list()).find(({ name }) => name === "bad");
      expect(bad?.error?.message).toMatch(/died while it started this code.*next node that starts tries it alone/);
    }
    // Where it has started it serves on, until it is known for what it is.
    await expect(installing.client.call("bad.x")).resolves.toBe("alive");
    await using again = boot();
    expect(await again.end()).toBe("SIGABRT");
    await using last = boot();
    await eventually(async () => (await last.states()).bad === "failed", 60_000);
    await eventually(() => installing.supervisor.get("bad").state === "failed", 60_000);
    for (const node of [...left, last]) {
      await eventually(async () => /quarantined/.test(JSON.stringify(await node.list())), 60_000);
      expect(await node.states()).toEqual({ bad: "failed", good: "ready" });
    }
    await expect(installing.client.call("bad.x")).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
  });

  test("a node killed from outside while it starts a plugin starts it the next time, and the others follow", async () => {
    await using redis = await RedisServer.start();
    await using store = await RedisStore.open({ url: redis.url });
    await using installing = await Host.start(store, { leaseMs: LEASE_MS });
    await installing.installer.install(scripted("a", { answer: 1 }));
    const boot = (hangOn: string[] = []) => new NodeProcess({ redis: redis.url, leaseMs: LEASE_MS, hangOn, cwd });
    await using killed = boot(["a"]);
    await killed.starts("a");
    await killed.kill();
    await using next = boot();
    expect(await next.states()).toEqual({ a: "ready" });
    expect((await installing.plugins.get("a"))?.startDeath).toBeNull();
  });

  test("a start that takes longer than the lease is no death", async () => {
    await using redis = await RedisServer.start();
    await using store = await RedisStore.open({ url: redis.url });
    await using one = await Host.start(store, { leaseMs: LEASE_MS });
    await one.installer.install(scripted("a", { answer: 1 }));
    await using slow = new NodeProcess({ redis: redis.url, leaseMs: LEASE_MS, hangOn: ["a"], cwd });
    await slow.starts("a");
    const began = performance.now();
    const reload = one.installer.reload("a").then(() => performance.now() - began);
    await eventually(() => performance.now() - began > 2 * LEASE_MS, 60_000);
    expect((await one.plugins.get("a"))?.startDeath).toBeNull();
    await slow.kill();
    // Only now it is one; the reload says so.
    await expect(reload).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE", details: { verdict: "suspect" } });
    await expect(one.client.call("a.x")).resolves.toBe(1);
    expect(await one.installer.enable("a")).toMatchObject({ state: "ready" });
    expect((await one.plugins.get("a"))?.startDeath).toBeNull();
  });
});
