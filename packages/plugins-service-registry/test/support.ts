import { type Clock, NODE, POINTS, systemClock } from "@aspen/feature";
import { feature as plugins } from "@aspen/plugin-host/feature";
import { inProcessClient, type RpcClient } from "@aspen/rpc-core";
import { RPC, rpcCoreModule } from "@aspen/rpc-core/module";
import type { Store } from "@aspen/storage";
import { storageModule } from "@aspen/storage/module";
import { feature as wasm } from "@aspen/wasm-plugin/feature";
import { Container } from "inversify";
import { feature } from "../src/feature.js";

export interface TestRegistry extends AsyncDisposable {
  client: RpcClient;
  container: Container;
}

/** The parts of a node that the registry stands on, over a store; the store stays open. */
export async function startRegistry(
  store: Store,
  { clock = systemClock, config = {} }: { clock?: Clock; config?: object } = {},
): Promise<TestRegistry> {
  const container = new Container();
  container.load(storageModule(store), rpcCoreModule());
  container.bind(NODE.log).toConstantValue({ debug() {}, info() {}, warn() {}, error: console.error });
  container.bind(NODE.clock).toConstantValue(clock);
  container.bind(NODE.id).toConstantValue(`test-${Math.random()}`);
  container.bind(NODE.url).toConstantValue("http://127.0.0.1:7070");
  container.bind(NODE.safeMode).toConstantValue(false);
  const checked = feature.config["~standard"].validate(config);
  if (checked instanceof Promise || checked.issues) throw new Error("the configuration is refused");
  await container.loadAsync(await plugins.module({}), await wasm.module({}), await feature.module(checked.value));
  const services = await container.getAllAsync(POINTS.service);
  const ended = new AbortController();
  for (const service of services) await service.start(ended.signal);
  const registry = container.get(RPC.registry);
  for (const factory of container.isBound(POINTS.handlerFactory) ? container.getAll(POINTS.handlerFactory) : []) {
    const handler = await factory.create();
    if (handler) registry.register(handler);
  }
  return {
    client: inProcessClient(container.get(RPC.dispatcher)),
    container,
    async [Symbol.asyncDispose]() {
      ended.abort();
      for (const service of services.reverse()) {
        await service.drain?.(AbortSignal.timeout(10_000));
        await service[Symbol.asyncDispose]();
      }
    },
  };
}

/** Waits for a condition; only a hang ends it. */
export async function until(condition: () => boolean | Promise<boolean>, what = "it"): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not happen within 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
