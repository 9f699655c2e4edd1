import { NODE, POINTS, systemClock } from "@aspen/feature";
import { RPC, rpcCoreModule } from "@aspen/rpc-core/module";
import { MemoryStore } from "@aspen/storage/memory";
import { storageModule } from "@aspen/storage/module";
import { expect, test } from "@jest/globals";
import { Container } from "inversify";
import { feature, PLUGIN_HOST } from "../src/feature.js";
import type { HostPorts, HostServices, PluginHostContext } from "../src/index.js";
import { ScriptedRuntime, scripted } from "./support.js";

declare module "../src/host-ports.js" {
  interface HostPorts {
    horn: { honk(): string };
  }
}

/** Keeps what a plugin's host functions would work on. */
class CuriousRuntime extends ScriptedRuntime {
  ports: Partial<HostPorts> | undefined;

  override start(...[artifact, host, signal]: Parameters<ScriptedRuntime["start"]>) {
    this.ports = (host as PluginHostContext as unknown as { services: HostServices }).services.ports;
    return super.start(artifact, host, signal);
  }
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function compose(store: MemoryStore, ports: readonly string[]) {
  const runtime = new CuriousRuntime();
  const container = new Container();
  container.load(storageModule(store), rpcCoreModule());
  container.bind(NODE.id).toConstantValue("node-1");
  container.bind(NODE.log).toConstantValue(silent);
  container.bind(NODE.clock).toConstantValue(systemClock);
  container.bind(NODE.safeMode).toConstantValue(false);
  container.bind(POINTS.runtime).toConstantValue(runtime);
  for (const name of ports) container.bind(POINTS.hostPort).toConstantValue({ name, service: { honk: () => "honk" } });
  await container.loadAsync(await feature.module({}));
  return { container, runtime };
}

test("a port that a feature binds reaches the host functions of every tier, by its name", async () => {
  await using store = new MemoryStore();
  const { container, runtime } = await compose(store, ["horn"]);
  const [service] = container.getAll(POINTS.service);
  await service!.start(AbortSignal.timeout(60_000));
  await container.get(PLUGIN_HOST.installer).install(scripted("car", {}));
  expect(runtime.ports?.horn?.honk()).toBe("honk");
  expect(container.get(RPC.registry).find("car.go")).not.toBeNull();
  await service![Symbol.asyncDispose]();
});

test("two ports of one name are refused", async () => {
  await using store = new MemoryStore();
  const { container } = await compose(store, ["horn", "horn"]);
  expect(() => container.getAll(POINTS.service)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
