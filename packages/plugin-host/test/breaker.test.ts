import { AspenError } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import { eventually, Host, scripted } from "./support.js";

const OF_A = { plugin: "a" };
const FAILURES = {
  trap: new AspenError("PLUGIN_TRAP", "unreachable", { ...OF_A, ended: true }),
  timeout: new AspenError("PLUGIN_TIMEOUT", "too long", OF_A),
  memory: new AspenError("PLUGIN_OUT_OF_MEMORY", "too much", OF_A),
};
/** What the plugin says itself, hands on, or is not to blame for. */
const OTHERS = {
  thrown: new AspenError("PLUGIN_TRAP", "a TypeError", OF_A),
  coded: new AspenError("MINE", "not today"),
  "of another plugin": new AspenError("PLUGIN_TIMEOUT", "too long", { plugin: "b" }),
  cancelled: new AspenError("CANCELLED", "given up", OF_A),
};

const OUT = "aspen_plugin_out_of_service";
const codeOf = (host: Host) =>
  host.client.call("a.x").then(
    () => "answered",
    (error: { code: string }) => error.code,
  );

async function failing(failure: AspenError, options: object = {}, store = new MemoryStore()): Promise<Host> {
  const host = await Host.start(store, { breakerFailures: 3, breakerMs: 3_600_000, ...options });
  await host.installer.install(scripted("a", {}));
  host.runtime.callError = failure;
  return host;
}

describe("a plugin that fails again and again", () => {
  test.each(Object.entries(FAILURES))("by %s is taken out of service", async (_what, failure) => {
    await using host = await failing(failure);
    for (let call = 0; call < 3; call++) expect(await codeOf(host)).toBe(failure.code);
    const before = host.runtime.calls;
    for (let call = 0; call < 5; call++) {
      await expect(host.client.call("a.x")).rejects.toMatchObject({
        code: "PLUGIN_UNAVAILABLE",
        details: { code: failure.code },
      });
    }
    expect(host.runtime.calls).toBe(before);
    expect(host.supervisor.get("a").status()).toMatchObject({
      state: "ready",
      breaker: { state: "open", code: failure.code },
    });
    expect(await host.measured(OUT)).toEqual({ a: 1 });
    expect(host.logs.filter(({ message }) => message.includes("out of service"))).toHaveLength(1);
  });

  test.each(Object.entries(OTHERS))("by what is %s is not", async (_what, failure) => {
    await using host = await failing(failure);
    for (let call = 0; call < 10; call++) expect(await codeOf(host)).toBe(failure.code);
    expect(host.supervisor.get("a").status().breaker).toBeUndefined();
    expect(await host.measured(OUT)).toEqual({ a: 0 });
  });

  test("is not, when it answers in between; nor when that is turned off", async () => {
    await using host = await failing(FAILURES.trap);
    for (let round = 0; round < 4; round++) {
      host.runtime.callError = FAILURES.trap;
      for (let call = 0; call < 2; call++) expect(await codeOf(host)).toBe("PLUGIN_TRAP");
      host.runtime.callError = null;
      expect(await codeOf(host)).toBe("answered");
    }
    await using off = await failing(FAILURES.trap, { breakerFailures: 0 });
    for (let call = 0; call < 20; call++) expect(await codeOf(off)).toBe("PLUGIN_TRAP");
  });

  test("is tried with one call at a time, and waits longer each time that fails", async () => {
    await using host = await failing(FAILURES.timeout, { breakerMs: 20 });
    for (let call = 0; call < 3; call++) await codeOf(host);
    const halfOpen = () => host.supervisor.get("a").broken?.state === "half-open";
    await eventually(halfOpen);
    const before = host.runtime.calls;
    const codes = await Promise.all(Array.from({ length: 10 }, () => codeOf(host)));
    expect(codes.filter((code) => code === "PLUGIN_TIMEOUT")).toHaveLength(1);
    expect(codes.filter((code) => code === "PLUGIN_UNAVAILABLE")).toHaveLength(9);
    expect(host.runtime.calls).toBe(before + 1);
    expect(host.logs.flatMap(({ fields }) => fields.openMs ?? [])).toEqual([20, 40]);
    await eventually(halfOpen);
    host.runtime.callError = null;
    expect(await codeOf(host)).toBe("answered");
    expect(host.supervisor.get("a").broken).toBeNull();
    expect(await Promise.all(Array.from({ length: 10 }, () => codeOf(host)))).toEqual(Array(10).fill("answered"));
  });

  test("is in service again after enable, on every node", async () => {
    const store = new MemoryStore();
    await using one = await failing(FAILURES.trap, {}, store);
    await using two = await Host.start(store, { breakerFailures: 3, breakerMs: 3_600_000 });
    two.runtime.callError = FAILURES.trap;
    for (const host of [one, two]) for (let call = 0; call < 3; call++) expect(await codeOf(host)).toBe("PLUGIN_TRAP");
    expect(await Promise.all([one, two].map(codeOf))).toEqual(["PLUGIN_UNAVAILABLE", "PLUGIN_UNAVAILABLE"]);
    one.runtime.callError = null;
    two.runtime.callError = null;
    expect((await one.installer.enable("a")).breaker).toBeUndefined();
    expect(await codeOf(one)).toBe("answered");
    await eventually(async () => (await codeOf(two)) === "answered");
  });
});
