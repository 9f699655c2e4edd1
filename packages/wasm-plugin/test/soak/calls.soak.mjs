// Calls one plugin over and over; fails when a call fails or the process grows by more than a fifth after its warm-up.

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { PluginHostContext } from "@aspen/plugin-host";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { WasmPluginHandler, WasmPluginRuntime } from "@aspen/wasm-plugin";

const { values } = parseArgs({
  options: { calls: { type: "string", default: "3000000" }, "at-once": { type: "string", default: "1" } },
});
const CALLS = Number(values.calls);
const WARM_UP = 5000;
const AT_ONCE = Number(values["at-once"]);

const store = new MemoryStore();
const runtime = new WasmPluginRuntime();
const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("../fixtures/neighbour", import.meta.url)));
const host = new PluginHostContext(manifest, { ...store, logger: { log() {} } });
const handler = await WasmPluginHandler.load({ runtime, manifest: { ...manifest, max_instances: 1 }, wasm, host });

// One for all calls: Node promotes such an object to the old space at once, which would be measured instead.
const { signal } = new AbortController();
let failed = 0;
async function call(a, b) {
  const sum = await handler.handle(
    { method: "neighbour.add", params: { a, b } },
    { requestId: "soak", caller: LOCAL_CALLER, signal },
  );
  if (sum !== a + b) failed += 1;
}

let warm = 0;
const started = performance.now();
for (let done = 0; done < CALLS; done += AT_ONCE) {
  await Promise.all(Array.from({ length: AT_ONCE }, (_, b) => call(done, b))).catch(() => {
    failed += 1;
  });
  if (done + AT_ONCE === WARM_UP) warm = process.memoryUsage.rss();
}
const seconds = (performance.now() - started) / 1000;
const rss = process.memoryUsage.rss();
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
console.log(`${CALLS} calls, ${failed} failed, ${(CALLS / seconds).toFixed(0)} calls/s`);
console.log(`resident memory: ${mib(warm)} after ${WARM_UP} calls, ${mib(rss)} at the end`);
await runtime[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
process.exitCode = failed === 0 && rss <= warm * 1.2 ? 0 : 1;
