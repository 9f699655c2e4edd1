import { setTimeout as delay } from "node:timers/promises";
import { encodeUtf8 } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import { eventually, Host, scripted } from "./support.js";

const RECORD = "__sys:plugin:a";

describe("nodes on one store", () => {
  test("see each other's installs, updates, disables and removes", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await using two = await Host.start(store);
    const answer = () => two.client.call("a.x").catch((error: { code: string }) => error.code);
    await one.installer.install(scripted("a", { answer: 1 }));
    await eventually(async () => (await answer()) === 1);
    await one.installer.update(scripted("a", { answer: 2 }));
    await eventually(async () => (await answer()) === 2);
    await two.installer.reload("a");
    await eventually(() => one.runtime.started.length === 3);
    await one.installer.disable("a");
    await eventually(async () => (await answer()) === "PLUGIN_UNAVAILABLE");
    await one.installer.enable("a");
    await eventually(async () => (await answer()) === 2);
    await one.installer.remove("a");
    await eventually(async () => (await answer()) === "METHOD_NOT_FOUND");
    expect(two.runtime.running.size).toBe(0);
  });

  test("a node starts with what is installed, dependencies first", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await one.installer.install(scripted("zeta", {}));
    await one.installer.install(scripted("mid", {}, { dependencies: [{ name: "zeta" }] }));
    await one.installer.install(scripted("alpha", { answer: "all" }, { dependencies: [{ name: "mid" }] }));
    await using two = await Host.start(store);
    expect(two.runtime.started).toEqual(["zeta 1.0.0", "mid 1.0.0", "alpha 1.0.0"]);
    await expect(two.client.call("alpha.x")).resolves.toBe("all");
  });

  test("a slow plugin does not hold up the start of a node", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await one.installer.install(scripted("a", { answer: 1, startMs: 300 }));
    await using two = await Host.start(store, { startMs: 1 });
    expect(two.supervisor.get("a").serving).toBe(false);
    await expect(two.client.call("a.x")).resolves.toBe(1);
  });
});

describe("replacing", () => {
  test("no call is lost while a plugin is reloaded and updated again and again", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("a", { answer: 0, callMs: 3 }));
    let running = true;
    let answered = 0;
    const failures: unknown[] = [];
    const load = Array.from({ length: 8 }, async () => {
      while (running) {
        await host.client.call("a.x").then(
          () => answered++,
          (error) => failures.push(error),
        );
      }
    });
    for (let i = 1; i <= 10; i++) {
      await host.installer.update(scripted("a", { answer: i, callMs: 3 }, { handles: i % 2 ? ["a.x"] : ["a.*"] }));
      await host.installer.reload("a");
      const before = answered;
      await eventually(() => answered > before + 8);
    }
    await expect(host.client.call("a.x")).resolves.toBe(10);
    running = false;
    await Promise.all(load);
    expect(failures).toEqual([]);
    await eventually(() => host.runtime.running.size === 1);
  });

  test("calls that do not end in time are given up with the old one", async () => {
    await using host = await Host.start(undefined, { drainMs: 20 });
    await host.installer.install(scripted("a", { callMs: 300 }));
    const late = host.client.call("a.x");
    await host.installer.update(scripted("a", { answer: "new" }));
    await expect(host.client.call("a.x")).resolves.toBe("new");
    await expect(late).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
  });

  test("stopping the node lets calls under way end", async () => {
    const host = await Host.start();
    await host.installer.install(scripted("a", { answer: 1, callMs: 50 }));
    const call = host.client.call("a.x");
    await delay(5);
    await host[Symbol.asyncDispose]();
    await expect(call).resolves.toBe(1);
    expect(host.runtime.running.size).toBe(0);
    await expect(host.installer.install(scripted("b", {}))).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
  });
});

describe("failures", () => {
  test("a plugin that cannot be started says why, and is tried again", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await one.installer.install(scripted("a", { answer: 1 }));
    await using two = new Host(store);
    two.runtime.startError = "no luck";
    await two.supervisor.start();
    expect(two.supervisor.get("a").status()).toMatchObject({
      state: "failed",
      error: { code: "PLUGIN_TRAP", message: "no luck" },
    });
    await expect(two.client.call("a.x")).rejects.toMatchObject({
      code: "PLUGIN_UNAVAILABLE",
      message: expect.stringContaining("no luck"),
    });
    two.runtime.startError = undefined;
    await eventually(() => two.supervisor.get("a").serving);
    await expect(two.client.call("a.x")).resolves.toBe(1);
  });

  test("where another node's update cannot be started, the old one serves on", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await using two = await Host.start(store);
    await one.installer.install(scripted("a", { answer: "old" }));
    await eventually(async () => (await two.client.call("a.x").catch(() => null)) === "old");
    two.runtime.startError = "no luck";
    await one.installer.update(scripted("a", { answer: "new" }));
    await eventually(() => two.logs.some(({ message }) => message.includes("could not be started")));
    await expect(two.client.call("a.x")).resolves.toBe("old");
    two.runtime.startError = undefined;
    await eventually(async () => (await two.client.call("a.x")) === "new");
  });

  test("a blob that is gone fails the one plugin alone", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    const { artifacts } = await one.installer.install(scripted("a", { answer: "a" }));
    await one.installer.install(scripted("b", { answer: "b" }));
    await store.blobs.delete(artifacts[0]!.hash);
    await using two = await Host.start(store);
    expect(two.supervisor.get("a").status()).toMatchObject({ state: "failed", error: { code: "BLOB_NOT_FOUND" } });
    await expect(two.client.call("b.x")).resolves.toBe("b");
  });

  test("a record that turns unreadable changes nothing where the plugin runs", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("a", { answer: 1 }));
    await host.store.kv.put(RECORD, encodeUtf8("{}"));
    await host.supervisor.reconcile();
    await expect(host.client.call("a.x")).resolves.toBe(1);
  });

  test("when the store cannot be read, plugins stay as they are and it is said once", async () => {
    const store = new MemoryStore();
    let down = false;
    const kv = new Proxy(store.kv, {
      get(target, property, receiver) {
        if (down && property === "get") return () => Promise.reject(new Error("the store is down"));
        const value = Reflect.get(target, property, receiver);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    await using host = await Host.start({
      kv,
      blobs: store.blobs,
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    });
    await host.installer.install(scripted("a", { answer: 1 }));
    down = true;
    const said = () => host.logs.filter(({ message }) => message.includes("store cannot be read")).length;
    await eventually(() => said() > 0);
    await delay(50);
    expect(said()).toBe(1);
    await expect(host.client.call("a.x")).resolves.toBe(1);
    down = false;
    await host.installer.install(scripted("b", { answer: 2 }));
    await expect(host.client.call("b.x")).resolves.toBe(2);
  });

  test("health: degraded still answers, and returns to ready", async () => {
    await using host = await Host.start(undefined, { healthMs: 10 });
    await host.installer.install(scripted("a", { answer: 1 }));
    host.runtime.health = { state: "degraded", message: "low on disk" };
    await eventually(() => host.supervisor.get("a").state === "degraded");
    expect(host.supervisor.get("a").status().error).toMatchObject({ message: "low on disk" });
    await expect(host.client.call("a.x")).resolves.toBe(1);
    host.runtime.health = { state: "healthy" };
    await eventually(() => host.supervisor.get("a").state === "ready");
    expect(host.supervisor.get("a").status().error).toBeUndefined();
  });
});

test("a change of another node is heard of, not looked for", async () => {
  await using store = new MemoryStore();
  const options = { pollMs: 3_600_000 };
  await using one = await Host.start(store, options);
  await using other = await Host.start(store, options);
  const serves = () => other.supervisor.list().map(({ name, state }) => `${name} ${state}`);
  await one.installer.install(scripted("heard", { answer: 1 }));
  await eventually(() => serves().join() === "heard ready");
  await one.installer.disable("heard");
  await eventually(() => serves().join() === "heard stopped");
  await one.installer.remove("heard");
  await eventually(() => serves().length === 0);
});
