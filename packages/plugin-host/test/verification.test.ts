import { AspenError } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import type { PluginArtifact, VerdictStore } from "../src/index.js";
import { eventually, Host, scripted } from "./support.js";

/** Lets the host's runtime verify code; says what was looked at anew, in the order of what happened. */
function verifying(host: Host, key: (name: string) => string = (name) => name): { tried: string[] } {
  const tried: string[] = [];
  host.runtime.verify = async ({ manifest: { name } }: PluginArtifact, verdicts: VerdictStore) => {
    if (name.startsWith("bad")) throw new AspenError("WASM_INVALID", "it is bad");
    if (await verdicts.has(key(name))) return;
    expect(host.runtime.started).not.toContain(`${name} 1.0.0`);
    tried.push(name);
    await verdicts.add(key(name));
  };
  return { tried };
}

describe("code is verified before it is started", () => {
  test("once for all nodes of a store, and for their next start", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    const first = verifying(one);
    await one.installer.install(scripted("a", {}));
    await one.installer.reload("a");
    expect(first.tried).toEqual(["a"]);
    await using two = new Host(store);
    const second = verifying(two);
    await two.supervisor.start();
    expect(two.runtime.started).toEqual(["a 1.0.0"]);
    expect(second.tried).toEqual([]);
  });

  test("on a node whose runtime names the same code otherwise, once more", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    verifying(one);
    await one.installer.install(scripted("a", {}));
    await using two = new Host(store);
    const second = verifying(two, (name) => `newer ${name}`);
    await two.supervisor.start();
    expect(second.tried).toEqual(["a"]);
  });

  test("code that is refused is not installed, and nothing of it starts", async () => {
    await using host = await Host.start();
    verifying(host);
    await expect(host.installer.install(scripted("bad", {}))).rejects.toMatchObject({ code: "WASM_INVALID" });
    expect(host.runtime.started).toEqual([]);
    expect((await host.plugins.snapshot()).records.size).toBe(0);
  });

  test("code that another node installed and this one refuses fails alone", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await one.installer.install(scripted("bad", {}));
    await one.installer.install(scripted("good", { answer: 1 }));
    await using two = new Host(store);
    verifying(two);
    await two.supervisor.start();
    expect(two.supervisor.get("bad").status()).toMatchObject({ state: "failed", error: { code: "WASM_INVALID" } });
    await expect(two.client.call("good.x")).resolves.toBe(1);
    expect(two.runtime.started).toEqual(["good 1.0.0"]);
  });

  test("a verdict that cannot be stored is a warning", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await one.installer.install(scripted("a", { answer: 1 }));
    await using two = new Host(store);
    const { tried } = verifying(two);
    store.kv.put = () => Promise.reject(new AspenError("STORE_UNAVAILABLE", "no space"));
    await two.supervisor.start();
    await eventually(() => tried.length === 1);
    await expect(two.client.call("a.x")).resolves.toBe(1);
    expect(two.logs.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual([
      expect.stringContaining("verified"),
    ]);
  });

  test("what is remembered lies among the keys of the node", async () => {
    const store = new MemoryStore();
    await using host = await Host.start(store);
    verifying(host);
    await host.installer.install(scripted("a", {}));
    const { entries } = await store.kv.scan({ prefix: "__sys:verdict:", keysOnly: true });
    expect(entries.map(({ key }) => key)).toEqual(["__sys:verdict:wasm:a"]);
  });
});
