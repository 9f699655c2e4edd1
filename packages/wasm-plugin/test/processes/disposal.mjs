// Disposes a runtime in the middle of calls and starts; prints the threads of the process before and after.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { PluginHostContext } from "@aspen/plugin-host";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { WasmPluginHandler, WasmPluginRuntime } from "@aspen/wasm-plugin";

const store = new MemoryStore();
const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("../fixtures/starter", import.meta.url)));
const threads = () => readdirSync("/proc/self/task").length;

async function round(waitMs, calls) {
  const runtime = new WasmPluginRuntime({ spareWorkers: 2 });
  const load = () => {
    const host = new PluginHostContext(manifest, { kv: store.kv, blobs: store.blobs, logger: { log() {} } });
    return WasmPluginHandler.load({ runtime, manifest: { ...manifest, max_instances: 3 }, wasm, host });
  };
  const handler = await load();
  const { signal } = new AbortController();
  const under = Array.from({ length: calls }, (_, i) =>
    handler.handle({ method: "starter.busy", params: { ms: i } }, { requestId: "r", caller: LOCAL_CALLER, signal }),
  );
  const starts = [load(), load()];
  const all = Promise.allSettled([...under, ...starts]);
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  await runtime[Symbol.asyncDispose]();
  return (await all).length;
}

// The first round starts what stays: the threads of Node itself.
await round(20, 8);
const before = threads();
let settled = 0;
for (const waitMs of [0, 10, 30, 60]) settled += await round(waitMs, 8);
console.log(JSON.stringify({ before, after: threads(), settled }));
await store[Symbol.asyncDispose]();
