import { availableParallelism } from "node:os";
import { AspenError, encodeUtf8 } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import { eventually, Host, type Script, scripted } from "./support.js";

/** A store on which these plugins are installed, and enabled. */
async function storeWith(...plugins: [name: string, script: Script, manifest?: object][]): Promise<MemoryStore> {
  const store = new MemoryStore();
  await using host = await Host.start(store);
  for (const plugin of plugins) await host.installer.install(scripted(...plugin));
  return store;
}

/** A node that has started, and whose plugins start when `go` is called. */
async function gated(store: MemoryStore): Promise<{ host: Host; go: () => void }> {
  const host = new Host(store, { startMs: 0 });
  let go = () => {};
  host.runtime.deaf = new Promise((resolve) => {
    go = resolve;
  });
  await host.supervisor.start();
  return { host, go };
}

const codeOf = (work: Promise<unknown>) => work.catch((error: AspenError) => error.code);

describe("a node that does not wait for its plugins", () => {
  test("has their methods at once, and calls wait for the start", async () => {
    const { host, go } = await gated(await storeWith(["a", { answer: 1 }], ["b", { answer: 2 }]));
    await using _ = host;
    expect(host.supervisor.list().map(({ name, state }) => [name, state])).toEqual([
      ["a", "loading"],
      ["b", "loading"],
    ]);
    const calls = ["b.x", "a.x", "b.x"].map((method) => host.client.call(method));
    go();
    expect(await Promise.all(calls)).toEqual([2, 1, 2]);
    await expect(host.client.call("a.x")).resolves.toBe(1);
  });

  test("starts what a call waits for ahead of the rest, with what it needs", async () => {
    const rest = Array.from({ length: availableParallelism() + 3 }, (_, i): [string, Script] => [`a${i}`, {}]);
    const needs = { dependencies: [{ name: "y" }] };
    const { host, go } = await gated(await storeWith(...rest, ["y", {}], ["z", { answer: "z" }, needs]));
    await using _ = host;
    const call = host.client.call("z.x");
    const beside = Math.max(1, availableParallelism() - 1);
    await eventually(() => host.runtime.begun.length > beside);
    expect(host.runtime.begun.slice(0, beside + 1)).toContain("y");
    go();
    expect(await call).toBe("z");
    await eventually(() => host.runtime.begun.length === rest.length + 2);
    expect(host.runtime.begun.indexOf("z")).toBeLessThan(rest.length + 1);
  });

  test("a start that hangs does not keep the others from starting", async () => {
    const hang = Array.from({ length: availableParallelism() }, (_, i): [string, Script] => [
      `a${i}`,
      { startMs: 600_000 },
    ]);
    const store = new MemoryStore();
    await using first = await Host.start(store);
    for (const [name] of hang) await first.installer.install(scripted(name, {}));
    await first.installer.install(scripted("z", {}));
    await using host = new Host(store, { startMs: 0 });
    const begin = host.runtime.start.bind(host.runtime);
    host.runtime.start = (artifact, context, signal) => {
      host.runtime.startMs = artifact.manifest.name === "z" ? 0 : 600_000;
      return begin(artifact, context, signal);
    };
    await host.supervisor.start();
    await eventually(() => host.supervisor.get("z").serving, 60_000);
  });

  test("calls hear why the start failed, later ones at once", async () => {
    const store = await storeWith(["a", { answer: 1 }]);
    const { host, go } = await gated(store);
    await using _ = host;
    host.runtime.startError = "no luck";
    const calls = [host.client.call("a.x"), host.client.call("a.x")].map((call) => call.catch((error) => error));
    go();
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: "PLUGIN_UNAVAILABLE", message: expect.stringMatching(/no luck/) });
    }
    expect(host.supervisor.get("a").status()).toMatchObject({ state: "failed", error: { code: "PLUGIN_TRAP" } });
    host.runtime.startMs = 600_000;
    await eventually(() => host.supervisor.get("a").state === "initializing");
    expect(await codeOf(host.client.call("a.x"))).toBe("PLUGIN_UNAVAILABLE");
  });

  test.each([
    ["disabled", (host: Host) => host.installer.disable("a"), "PLUGIN_UNAVAILABLE"],
    ["removed", (host: Host) => host.installer.remove("a"), "PLUGIN_UNAVAILABLE"],
    ["stopped with its node", (host: Host) => host[Symbol.asyncDispose](), "PLUGIN_UNAVAILABLE"],
  ])("calls hear that the plugin was %s while it started", async (_what, change, code) => {
    const { host, go } = await gated(await storeWith(["a", { answer: 1 }], ["b", {}]));
    await using _ = host;
    const call = codeOf(host.client.call("a.x"));
    await eventually(() => host.runtime.begun.includes("a"));
    const changed = change(host);
    expect(await call).toBe(code);
    go();
    await changed;
    expect(host.supervisor.list().filter(({ name, state }) => name === "a" && state !== "stopped")).toEqual([]);
  });

  test("a plugin can be updated and enabled before it has started", async () => {
    const { host, go } = await gated(await storeWith(["a", { answer: 1 }], ["b", { answer: 2 }]));
    await using _ = host;
    await eventually(() => host.runtime.begun.length > 0);
    host.runtime.deaf = null;
    const { state } = await host.installer.update(scripted("a", { answer: "new" }));
    expect(state).toBe("ready");
    await host.installer.disable("b");
    expect(await host.installer.enable("b")).toMatchObject({ state: "ready" });
    go();
    expect([await host.client.call("a.x"), await host.client.call("b.x")]).toEqual(["new", 2]);
    await eventually(() => host.runtime.running.size === 2);
  });

  test("a caller that gives up does not wait", async () => {
    const { host, go } = await gated(await storeWith(["a", { answer: 1 }]));
    await using _ = host;
    const controller = new AbortController();
    const call = codeOf(host.client.call("a.x", undefined, { signal: controller.signal }));
    controller.abort();
    expect(await call).toBe("CANCELLED");
    go();
    await expect(host.client.call("a.x")).resolves.toBe(1);
  });

  test("what is disabled is told so at once", async () => {
    const store = await storeWith(["a", {}]);
    await using one = await Host.start(store);
    await one.installer.disable("a");
    const { host } = await gated(store);
    await using _ = host;
    await expect(host.client.call("a.x")).rejects.toThrow(/disabled/);
    expect(host.supervisor.get("a").state).toBe("stopped");
  });

  test("a record that can no longer be read ends the wait", async () => {
    const store = await storeWith(["a", {}]);
    const scan = store.kv.scan.bind(store.kv);
    const host = new Host(store, { startMs: 0 });
    await using _ = host;
    let scans = 0;
    store.kv.scan = async (options) => {
      if (options.prefix === "__sys:plugin:" && ++scans === 2) await store.kv.put("__sys:plugin:a", encodeUtf8("{"));
      return scan(options);
    };
    await host.supervisor.start();
    expect(await codeOf(host.client.call("a.x"))).toBe("PLUGIN_UNAVAILABLE");
  });

  test("a store that fails in between is asked again", async () => {
    const store = await storeWith(["a", { answer: 1 }]);
    const host = new Host(store, { startMs: 0 });
    await using _ = host;
    const get = store.kv.get.bind(store.kv);
    await host.supervisor.start();
    let failures = 0;
    store.kv.get = async (key) => {
      if (key === "__sys:plugin:a" && failures++ === 0) throw new AspenError("STORE_UNAVAILABLE", "gone for a moment");
      return get(key);
    };
    await expect(host.client.call("a.x")).resolves.toBe(1);
    expect(failures).toBeGreaterThan(0);
  });
});
