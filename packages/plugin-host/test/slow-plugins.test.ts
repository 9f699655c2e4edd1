import { AspenError } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, jest, test } from "@jest/globals";
import { eventually, Host, scripted } from "./support.js";

/** Longer than any test takes. */
const FOREVER = 600_000;

/** A host on which `slow` is installed, enabled, and being started for ever, beside `other`, which serves. */
async function hostWithSlowStart(): Promise<{ host: Host; store: MemoryStore }> {
  const store = new MemoryStore();
  await using first = await Host.start(store);
  await first.installer.install(scripted("slow", { answer: "slow" }));
  await first.installer.install(scripted("other", { answer: "other" }));
  await first.installer.install(scripted("third", {}));
  const host = await Host.start(store);
  host.runtime.startMs = FOREVER;
  return { host, store };
}

describe("while one plugin is being started for a long time", () => {
  test("others are disabled, enabled, updated and removed", async () => {
    const { host } = await hostWithSlowStart();
    await using _ = host;
    const reload = host.installer.reload("slow").catch((error: AspenError) => error.code);
    await eventually(() => host.runtime.begun.at(-1) === "slow");
    host.runtime.startMs = 0;
    expect(await host.installer.disable("other")).toMatchObject({ state: "stopped" });
    expect(await host.installer.enable("other")).toMatchObject({ state: "ready" });
    expect(await host.installer.update(scripted("other", { answer: "new" }))).toMatchObject({ state: "ready" });
    await host.installer.remove("third");
    await expect(host.client.call("other.x")).resolves.toBe("new");
    await expect(host.client.call("slow.x")).resolves.toBe("slow");
    await host.installer.remove("slow");
    expect(await reload).toBe("PLUGIN_NOT_FOUND");
  });

  test.each([
    ["disable", (host: Host) => host.installer.disable("slow"), "PLUGIN_UNAVAILABLE"],
    ["remove", (host: Host) => host.installer.remove("slow"), "PLUGIN_NOT_FOUND"],
    ["update", (host: Host) => host.installer.update(scripted("slow", { answer: 2 })), "KV_CONFLICT"],
  ])("it gives its start up to %s", async (_what, change, code) => {
    const { host } = await hostWithSlowStart();
    await using _ = host;
    const reload = host.installer.reload("slow").catch((error: AspenError) => error.code);
    await eventually(() => host.runtime.begun.at(-1) === "slow");
    host.runtime.startMs = 0;
    await change(host);
    expect(await reload).toBe(code);
    await eventually(
      () => host.runtime.running.size === host.supervisor.list().filter((it) => it.state === "ready").length,
    );
  });

  test("another node's change gives it up, too, and the node stops without waiting", async () => {
    const { host, store } = await hostWithSlowStart();
    await using one = host;
    const two = new Host(store, { startMs: 1 });
    two.runtime.startMs = FOREVER;
    await two.supervisor.start();
    await eventually(() => two.runtime.begun.includes("slow") && two.runtime.begun.includes("other"));
    await one.installer.disable("slow");
    await eventually(() => two.supervisor.get("slow").state === "stopped");
    expect(two.supervisor.get("other").state).toBe("initializing");
    await two[Symbol.asyncDispose]();
    expect(two.runtime.running.size).toBe(0);
    expect((await store.kv.scan({ prefix: "__sys:plugin-start:" })).entries).toEqual([]);
  });

  test("a plugin that waits for it can be disabled", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await one.installer.install(scripted("base", {}));
    await one.installer.install(scripted("user", {}, { dependencies: [{ name: "base" }] }));
    await using two = new Host(store, { startMs: 1 });
    two.runtime.startMs = FOREVER;
    await two.supervisor.start();
    await eventually(() => two.runtime.begun.includes("base"));
    expect(await two.installer.disable("user")).toMatchObject({ state: "stopped" });
  });

  test("a start that pays no heed is freed when it ends at last", async () => {
    const store = new MemoryStore();
    await using host = await Host.start(store);
    await host.installer.install(scripted("a", { answer: 1 }));
    let end = () => {};
    host.runtime.deaf = new Promise((resolve) => {
      end = resolve;
    });
    const reload = host.installer.reload("a").catch((error: AspenError) => error.code);
    await eventually(() => host.runtime.begun.length === 2);
    expect(await host.installer.disable("a")).toMatchObject({ state: "stopped" });
    expect(await reload).toBe("PLUGIN_UNAVAILABLE");
    end();
    await eventually(() => host.runtime.started.length === 2 && host.runtime.running.size === 0);
    expect(await host.installer.enable("a")).toMatchObject({ state: "ready" });
  });
});

describe("health", () => {
  test("one check that hangs makes its plugin degraded, and stops no other's", async () => {
    await using host = await Host.start(undefined, { healthMs: 5, healthTimeoutMs: 50 });
    await host.installer.install(scripted("hangs", { answer: 1, healthHangs: true }));
    await host.installer.install(scripted("other", {}));
    await eventually(() => host.supervisor.get("hangs").state === "degraded");
    expect(host.supervisor.get("hangs").status().error?.message).toMatch(/health check did not answer within 50 ms/);
    await expect(host.client.call("hangs.x")).resolves.toBe(1);
    host.runtime.health = { state: "degraded", message: "low on disk" };
    await eventually(() => host.supervisor.get("other").state === "degraded");
    host.runtime.health = { state: "healthy" };
    await eventually(() => host.supervisor.get("other").state === "ready");
  });

  test("one that fails makes its plugin degraded until it answers again", async () => {
    await using host = await Host.start(undefined, { healthMs: 5 });
    await host.installer.install(scripted("a", {}));
    host.runtime.healthError = new Error("no answer");
    await eventually(() => host.supervisor.get("a").state === "degraded");
    expect(host.supervisor.get("a").status().error).toMatchObject({ message: "no answer" });
    host.runtime.healthError = null;
    await eventually(() => host.supervisor.get("a").state === "ready");
  });
});

describe("the clock", () => {
  test("set back an hour, a failed plugin is tried again after its back-off", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await one.installer.install(scripted("a", { answer: 1 }));
    await using two = new Host(store, { retryMs: 100 });
    two.runtime.startError = "no luck";
    await two.supervisor.start();
    expect(two.supervisor.get("a").state).toBe("failed");
    two.runtime.startError = undefined;
    const now = Date.now.bind(Date);
    const clock = jest.spyOn(Date, "now").mockImplementation(() => now() - 3_600_000);
    try {
      await eventually(() => two.supervisor.get("a").serving);
    } finally {
      clock.mockRestore();
    }
  });
});

test("a note that was written although the store did not say so holds nothing up", async () => {
  const store = new MemoryStore();
  await using host = await Host.start(store);
  const swap = store.kv.compareAndSwap.bind(store.kv);
  store.kv.compareAndSwap = async (...swapped) => {
    store.kv.compareAndSwap = swap;
    await swap(...swapped);
    throw new AspenError("OUTCOME_UNKNOWN", "the connection was lost");
  };
  await expect(host.installer.install(scripted("a", {}))).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect((await store.kv.scan({ prefix: "__sys:plugin-start:" })).entries).toHaveLength(1);
  expect(await host.installer.install(scripted("a", {}))).toMatchObject({ state: "ready" });
  expect((await store.kv.scan({ prefix: "__sys:plugin-start:" })).entries).toEqual([]);
});

test("a start that fails leaves no timer behind", async () => {
  const store = new MemoryStore();
  store.kv.get = () => Promise.reject(new AspenError("STORE_UNAVAILABLE", "no EVALSHA"));
  const before = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  await expect(Host.start(store)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout")).toHaveLength(before);
});
