import { EventLog } from "@aspen/layers";
import type { PluginManifestInput } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { eventually, Host, scripted } from "./support.js";

const PLUGINS = 10;
const CALLERS = 64;
/** One a second; the soak has a minute of them. */
const RELOADS = Number(process.env.ASPEN_RELOADS ?? 8);

const busy = (at: number): Partial<PluginManifestInput> => ({
  kv_prefixes: [`busy${at}:`],
  permissions: ["timers", "events:emit", "hooks:subscribe"],
  timers: [{ name: "tick", every_ms: 1000 }],
  subscriptions: [{ topic: "n.*" }],
});

test("ten plugins under load, of which one is reloaded every second: no call fails, no event is lost, no tick comes twice", async () => {
  await using host = await Host.start(new MemoryStore(), { drainMs: 60_000 });
  for (let at = 0; at < PLUGINS; at++) {
    await host.installer.install(scripted(`busy${at}`, { answer: at, callMs: 2 }, busy(at)));
  }
  let done = false;
  let answered = 0;
  const failures: unknown[] = [];
  const callers = Array.from({ length: CALLERS }, async (_, caller) => {
    for (let turn = caller; !done; turn++) {
      const at = turn % PLUGINS;
      await host.client.call(`busy${at}.x`).then(
        (answer) => (answer === at ? answered++ : failures.push(answer)),
        (error) => failures.push(error),
      );
    }
  });
  const log = new EventLog(host.store.kv);
  let emitted = 0;
  const emitter = (async () => {
    while (!done) {
      for (let at = 0; at < PLUGINS; at++) await log.emit(`busy${at}:`, { topic: "n.made", data: emitted });
      emitted += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  for (let reload = 0; reload < RELOADS; reload++) {
    await host.installer.reload(`busy${reload % PLUGINS}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  done = true;
  await Promise.all([...callers, emitter]);
  const events = () => host.runtime.told.filter(({ what }) => what === "event");
  await eventually(() => events().length >= emitted * PLUGINS, 60_000);
  const ticks = host.runtime.told.filter(({ what }) => what === "timer");
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(CALLERS);
  expect(new Set(events().map(({ input }) => input.id)).size).toBe(emitted * PLUGINS);
  expect(ticks.length).toBeGreaterThan(0);
  expect(new Set(ticks.map(({ input }) => input.id)).size).toBe(ticks.length);
});
