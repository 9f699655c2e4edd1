import { setTimeout as delay } from "node:timers/promises";
import { EventLog } from "@aspen/layers";
import type { PluginManifestInput } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import { eventually, Host, scripted } from "./support.js";

const BUSY: Partial<PluginManifestInput> = {
  kv_prefixes: ["busy:"],
  permissions: ["timers", "events:emit", "hooks:subscribe"],
  timers: [{ name: "tick", every_ms: 1000 }],
  subscriptions: [{ topic: "n.*" }],
};
const EVENTS = 200;

const toldOf = (host: Host, what: "event" | "timer") => host.runtime.told.filter((told) => told.what === what);

describe("events and timers of installed plugins", () => {
  test("are told by one of two nodes, each once, while the plugin is reloaded again and again", async () => {
    await using store = new MemoryStore();
    await using one = await Host.start(store, { drainMs: 5000 });
    await using two = await Host.start(store, { drainMs: 5000 });
    await one.installer.install(scripted("busy", { callMs: 1 }, BUSY));
    const log = new EventLog(store.kv);
    let done = false;
    const reloads = (async () => {
      for (; !done; await delay(20)) await one.installer.reload("busy");
    })();
    for (let n = 0; n < EVENTS; n++) {
      await log.emit("busy:", { topic: "n.made", data: n });
      if (n % 20 === 0) await delay(10);
    }
    const all = () => [...one.runtime.told, ...two.runtime.told];
    const ticks = () => all().filter(({ what }) => what === "timer");
    await eventually(() => all().length - ticks().length >= EVENTS && ticks().length >= 3, 60_000);
    done = true;
    await reloads;
    const events = all().filter(({ what }) => what === "event");
    expect(events.map(({ input }) => input.data).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: EVENTS }, (_, n) => n),
    );
    expect(new Set(ticks().map(({ input }) => input.id)).size).toBe(ticks().length);
    expect(new Set(all().map(({ by }) => by))).toEqual(new Set(["node"]));
    expect(events[0]?.chain).toEqual(["plugin:busy"]);
    for (const { runtime } of [one, two]) {
      const own = runtime.told.filter(({ what }) => what === "event").map(({ input }) => Number(input.data));
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });

  test("wait while the plugin is disabled, and go on where they were", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("busy", {}, BUSY));
    const log = new EventLog(host.store.kv);
    await log.emit("busy:", { topic: "n.one" });
    await eventually(() => toldOf(host, "event").length === 1);
    await host.installer.disable("busy");
    await log.emit("busy:", { topic: "n.two" });
    await delay(50);
    expect(toldOf(host, "event")).toHaveLength(1);
    await host.installer.enable("busy");
    await eventually(() => toldOf(host, "event").length === 2);
    expect(toldOf(host, "event")[1]?.input).toMatchObject({ topic: "n.two" });
  });

  test("are those of the version that runs", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("busy", {}, BUSY));
    await eventually(async () => (await host.store.kv.get("__timers:busy/timer/manifest/tick")) !== null);
    const next = { ...BUSY, version: "1.1.0", timers: [{ name: "tock", every_ms: 1000 }], subscriptions: [] };
    await host.installer.update(scripted("busy", {}, next));
    await eventually(async () => (await host.store.kv.get("__timers:busy/timer/manifest/tock")) !== null);
    expect(await host.store.kv.get("__timers:busy/timer/manifest/tick")).toBeNull();
    await new EventLog(host.store.kv).emit("busy:", { topic: "n.one" });
    await eventually(() => toldOf(host, "timer").some(({ input }) => input.name === "tock"));
    expect(toldOf(host, "event")).toEqual([]);
  });

  test("a plugin that is granted no whole namespace cannot follow events", async () => {
    await using host = await Host.start();
    const overrides = { kv_prefixes: ["busy:part:"] };
    const install = host.installer.install({ ...scripted("busy", {}, BUSY), overrides });
    await expect(install).rejects.toMatchObject({ code: "MANIFEST_INVALID" });
  });
});
