import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NODE, POINTS, systemClock } from "@aspen/feature";
import { definePlugin, kv } from "@aspen/guest-sdk";
import { Dispatcher, HandlerRegistry, inProcessClient } from "@aspen/rpc-core";
import { RPC } from "@aspen/rpc-core/module";
import { MemoryStore } from "@aspen/storage/memory";
import { STORAGE } from "@aspen/storage/module";
import { describe, expect, test } from "@jest/globals";
import { Container } from "inversify";
import { PLUGIN_HOST, type PluginsConfig, feature as plugins } from "../src/feature.js";
import { feature } from "../src/features/native.js";
import { eventually, Host, type LogLine, scripted } from "./support.js";

const ECHO = fileURLToPath(new URL("../../../examples/plugins/echo-plugin", import.meta.url));
const MANIFEST = { name: "greeter", version: "1.0.0", api_version: "1", handles: ["greeter.*"] };
const greeter = (greeting: string) =>
  definePlugin({ handlers: { "greeter.greet": (name: string) => `${greeting}, ${name}` } });

/** A node's plugins with `features.plugins-native` of its configuration. */
class Configured implements AsyncDisposable {
  readonly registry = new HandlerRegistry();
  readonly client = inProcessClient(new Dispatcher({ registry: this.registry }));
  readonly logs: LogLine[] = [];
  readonly #container = new Container();

  static async start(
    input: unknown,
    store = new MemoryStore(),
    { safeMode = false, ...options }: PluginsConfig & { safeMode?: boolean } = {},
  ): Promise<Configured> {
    const node = new Configured();
    const config = await feature.config["~standard"].validate(input);
    if (config.issues) throw new Error(config.issues.map(({ message }) => message).join());
    const log = (level: string) => (fields: object, message: string) =>
      void node.logs.push({ level, fields: fields as Record<string, unknown>, message });
    const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
    const container = node.#container;
    container.bind(STORAGE.kv).toConstantValue(store.kv);
    container.bind(STORAGE.blobs).toConstantValue(store.blobs);
    container.bind(RPC.registry).toConstantValue(node.registry);
    container.bind(STORAGE.store).toConstantValue(store);
    container.bind(NODE.id).toConstantValue("node-1");
    container.bind(NODE.log).toConstantValue(logger);
    container.bind(NODE.clock).toConstantValue(systemClock);
    container.bind(NODE.safeMode).toConstantValue(safeMode);
    await container.loadAsync(await plugins.module({ pollMs: 10, retryMs: 10, startMs: 30_000, ...options }));
    await container.loadAsync(await feature.module(config.value));
    try {
      await node.supervisor.start();
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  get supervisor() {
    return this.#container.get(PLUGIN_HOST.supervisor);
  }

  get installer() {
    return this.#container.get(PLUGIN_HOST.installer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor[Symbol.asyncDispose]();
    await this.#container.get(POINTS.runtime)[Symbol.asyncDispose]();
  }
}

describe("plugins of the node's configuration", () => {
  test("a plugin that was written for WASM runs natively by one line", async () => {
    await using node = await Configured.start({ plugins: [{ folder: ECHO }] });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => node.client.call("echo.say", i)));
    const counts = answers.map((answer) => (answer as { count: number }).count).sort((a, b) => a - b);
    expect(counts).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(node.supervisor.list()).toMatchObject([
      { name: "echo-plugin", tier: "native", state: "ready", enabled: true, artifacts: [], official: null },
    ]);
  });

  test("a plugin may be given as it is, with its configuration and a priority of a feature", async () => {
    const manifest = { ...MANIFEST, permissions: ["kv:write"] };
    const counting = definePlugin({ handlers: { "greeter.count": () => kv.put("__plugin:greeter:n", "1") } });
    await using node = await Configured.start({ plugins: [{ manifest, module: counting, priority: 500 }] });
    expect(await node.client.call("greeter.count")).toBeGreaterThan(0);
    expect(node.registry.list().map(({ priority }) => priority)).toEqual([500]);
    for (const priority of [499, 700, 1000]) {
      await expect(Configured.start({ plugins: [{ manifest, module: counting, priority }] })).rejects.toThrow("500");
    }
  });

  test("no request changes one, and nothing of it is stored", async () => {
    const store = new MemoryStore();
    await using node = await Configured.start({ plugins: [{ manifest: MANIFEST, module: greeter("hi") }] }, store);
    const refused = { code: "PLUGIN_CONFIGURED" };
    const input = { manifest: MANIFEST, artifacts: [] };
    for (const change of [
      () => node.installer.install(input),
      () => node.installer.update(input),
      () => node.installer.remove("greeter"),
      () => node.installer.disable("greeter"),
      () => node.installer.enable("greeter"),
    ]) {
      await expect(change()).rejects.toMatchObject(refused);
    }
    expect(await node.client.call("greeter.greet", "you")).toBe("hi, you");
    expect((await store.kv.scan({ prefix: "__sys:" })).entries).toEqual([]);
  });

  test("a reload reads the module again; when it fails, the old one serves on", async () => {
    const folder = await mkdtemp(join(tmpdir(), "aspen-configured-"));
    try {
      const module = join(folder, "greeter.ts");
      const write = (greeting: string) =>
        writeFile(
          module,
          `import { definePlugin } from "@aspen/guest-sdk";
export default definePlugin({ handlers: { "greeter.greet": (name: string) => ${greeting} } });`,
        );
      await write('"one, " + name');
      await using node = await Configured.start({ plugins: [{ manifest: MANIFEST, module }] });
      expect(await node.client.call("greeter.greet", "you")).toBe("one, you");
      await write('"two, " + name');
      await node.installer.reload("greeter");
      expect(await node.client.call("greeter.greet", "you")).toBe("two, you");
      await write("}{");
      await expect(node.installer.reload("greeter")).rejects.toMatchObject({ code: "BUILD_FAILED" });
      expect(await node.client.call("greeter.greet", "you")).toBe("two, you");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("one that cannot start is failed, says why, and is tried again", async () => {
    let broken = true;
    const module = definePlugin({
      handlers: { "greeter.greet": () => "hi" },
      onInit() {
        if (broken) throw new Error("not yet");
      },
    });
    await using node = await Configured.start({ plugins: [{ manifest: MANIFEST, module }] });
    expect(node.supervisor.get("greeter").status()).toMatchObject({ state: "failed", error: { code: "PLUGIN_TRAP" } });
    broken = false;
    await eventually(() => node.supervisor.get("greeter").serving);
    expect(await node.client.call("greeter.greet")).toBe("hi");
  });

  test("is asked for its health", async () => {
    let well = true;
    const module = definePlugin({ handlers: { "greeter.greet": () => "hi" }, onHealth: () => well });
    await using node = await Configured.start({ plugins: [{ manifest: MANIFEST, module }] }, new MemoryStore(), {
      healthMs: 10,
    });
    expect(node.supervisor.get("greeter").state).toBe("ready");
    well = false;
    await eventually(() => node.supervisor.get("greeter").state === "degraded");
    well = true;
    await eventually(() => node.supervisor.get("greeter").state === "ready");
  });

  test("what does not say where a plugin is, or names one twice, is refused with the field", async () => {
    const start = (...plugins: object[]) => Configured.start({ plugins });
    await expect(start({})).rejects.toThrow("folder");
    await expect(start({ manifest: MANIFEST })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("features.plugins-native.plugins[0]"),
    });
    await expect(start({ folder: "/nowhere/at/all" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    const twice = { manifest: MANIFEST, module: greeter("hi") };
    await expect(start(twice, twice)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("one that asks for a fresh instance for every call does not run here", async () => {
    const manifest = { ...MANIFEST, isolation: "call" };
    await using node = await Configured.start({ plugins: [{ manifest, module: greeter("hi") }] });
    const { state, error } = node.supervisor.get("greeter").status();
    expect([state, error?.code]).toEqual(["failed", "MANIFEST_INVALID"]);
  });
});

describe("beside plugins that are installed", () => {
  const NATIVE = { plugins: [{ manifest: { ...MANIFEST, kv_prefixes: ["shared:"] }, module: greeter("hi") }] };

  test("a node does not start with a name or keys that an installed plugin has", async () => {
    for (const [name, prefixes, code] of [
      ["greeter", [], "PLUGIN_NAME_TAKEN"],
      ["other", ["shared:part:"], "PLUGIN_PREFIX_CONFLICT"],
    ] as const) {
      const store = new MemoryStore();
      await using host = await Host.start(store);
      await host.installer.install(scripted(name, {}, { kv_prefixes: [...prefixes] }));
      await expect(Configured.start(NATIVE, store)).rejects.toMatchObject({ code });
    }
  });

  test("what another node installs over its keys is not started here", async () => {
    const store = new MemoryStore();
    await using host = await Host.start(store);
    await using node = await Configured.start(NATIVE, store);
    await host.installer.install(scripted("other", {}, { kv_prefixes: ["shared:"] }));
    await eventually(() => node.supervisor.list().some(({ name }) => name === "other"));
    await eventually(() => node.supervisor.get("other").state === "failed");
    expect(node.supervisor.get("other").status().error?.code).toBe("PLUGIN_PREFIX_CONFLICT");
    expect(await node.client.call("greeter.greet", "you")).toBe("hi, you");
  });
});
