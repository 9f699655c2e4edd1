// A node's plugin host in a process of its own, for tests that end it. Argument: JSON {store, leaseMs, abortOn, hangOn}.
// It prints one line of JSON for each start that begins and when it is ready, and answers each line on stdin with its plugins.
import { createInterface } from "node:readline";
import { PluginStarter, PluginStore, PluginSupervisor } from "@aspen/plugin-host";
import { HandlerRegistry } from "@aspen/rpc-core";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";

const { directory, redis, leaseMs, abortOn = [], hangOn = [] } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const nothing = async () => {};
const runtime = {
  tier: "wasm",
  async start({ manifest: { name } }) {
    say({ begun: name });
    if (hangOn.includes(name)) await new Promise((resolve) => setTimeout(resolve, 600_000));
    // As V8 does when its compiler meets what it cannot compile: nothing can catch it.
    if (abortOn.includes(name)) process.abort();
    return {
      call: nothing,
      health: async () => ({ state: "healthy" }),
      drain: nothing,
      [Symbol.asyncDispose]: nothing,
    };
  },
  [Symbol.asyncDispose]: nothing,
};

const store = directory ? await EmbeddedStore.open({ directory }) : await RedisStore.open({ url: redis });
const plugins = new PluginStore(store.kv);
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const starter = new PluginStarter({ runtimes: [runtime], kv: store.kv, blobs: store.blobs, logger });
const supervisor = new PluginSupervisor(
  { store: plugins, starter, registry: new HandlerRegistry(), logger },
  { pollMs: 20, leaseMs, startMs: 30_000, soleNode: directory !== undefined },
);
await supervisor.start();
say({ ready: true });

const input = createInterface({ input: process.stdin });
input.on("line", () => say({ plugins: supervisor.list() }));
// The test ends this process by ending its input.
input.on("close", async () => {
  await supervisor[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});
