// Calls one plugin over and over; fails when a call fails, or when the process is larger in the last third of the calls than
// it was in the middle one. How large it becomes before that is V8's choice: Node 26 has a larger young generation.
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
const AT_ONCE = Number(values["at-once"]);
/** Measurements of the resident memory, spread evenly over the calls. */
const SAMPLES = 300;
/** By how much of the middle third's memory the last third may have more; a leak grows with the calls. */
const TOLERANCE = 0.05;

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

const samples = [];
const started = performance.now();
for (let done = 0; done < CALLS; done += AT_ONCE) {
  await Promise.all(Array.from({ length: AT_ONCE }, (_, b) => call(done, b))).catch(() => {
    failed += 1;
  });
  if (done >= (samples.length * CALLS) / SAMPLES) samples.push(process.memoryUsage.rss());
}
const seconds = (performance.now() - started) / 1000;

/** The median of a third of the samples: 0, 1 or 2. */
function third(index) {
  const part = samples.slice((index * SAMPLES) / 3, ((index + 1) * SAMPLES) / 3).sort((a, b) => a - b);
  return part[Math.floor(part.length / 2)];
}
const [first, middle, last] = [third(0), third(1), third(2)];
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
console.log(`${CALLS} calls, ${failed} failed, ${(CALLS / seconds).toFixed(0)} calls/s`);
console.log(`resident memory, median of each third of the calls: ${mib(first)}, ${mib(middle)}, ${mib(last)}`);
await runtime[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
process.exitCode = failed === 0 && last <= middle * (1 + TOLERANCE) ? 0 : 1;
