// A plugin with 64 instances is called 128 times at once and loops; prints what a neighbour and the process feel of it.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { PluginHostContext } from "@aspen/plugin-host";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { WasmPluginHandler, WasmPluginRuntime } from "@aspen/wasm-plugin";

const [method, ms] = process.argv.slice(2);
const store = new MemoryStore();
const runtime = new WasmPluginRuntime();
const { signal } = new AbortController();

async function load(name, overrides) {
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)));
  const own = { ...manifest, ...overrides };
  const host = new PluginHostContext(own, { kv: store.kv, blobs: store.blobs, logger: { log() {} } });
  return WasmPluginHandler.load({ runtime, manifest: own, wasm, host });
}

const call = (handler, method, params = null) =>
  handler.handle({ method, params }, { requestId: "r", caller: LOCAL_CALLER, signal });
const neighbour = await load("neighbour", { execution_timeout_ms: 60_000 });
const hostile = await load("starter", { execution_timeout_ms: 1000, max_instances: 64 });

const tasks = () => (process.platform === "linux" ? readdirSync("/proc/self/task") : []);
/** The niceness of every thread of the process. */
const niceness = () =>
  tasks().flatMap((task) => {
    try {
      return [Number(readFileSync(`/proc/self/task/${task}/stat`, "utf8").split(") ").at(-1).split(" ")[16])];
    } catch {
      // It has just ended.
      return [];
    }
  });

/** The median of a neighbour's calls in milliseconds, for at most 8 s, and what was seen of threads meanwhile. */
async function measure(calls) {
  const times = [];
  const seen = { threads: 0, lowered: 0 };
  const own = Math.min(...niceness());
  const end = performance.now() + 8000;
  while (times.length < calls && performance.now() < end) {
    const begun = performance.now();
    await call(neighbour, "neighbour.kv");
    times.push(performance.now() - begun);
    const all = niceness();
    seen.threads = Math.max(seen.threads, all.length);
    seen.lowered = Math.max(seen.lowered, all.filter((nice) => nice > own).length);
    await delay(5);
  }
  return { median: times.sort((a, b) => a - b)[Math.floor(times.length / 2)], ...seen };
}

await measure(50);
const alone = await measure(100);
let stop = false;
const attack = async () => {
  while (!stop) await call(hostile, method, ms === undefined ? null : { ms: Number(ms) }).catch(() => undefined);
};
const attacks = Array.from({ length: 128 }, attack);
await delay(500);
const under = await measure(100);
stop = true;
await runtime[Symbol.asyncDispose]();
await Promise.all(attacks);
await store[Symbol.asyncDispose]();
console.log(JSON.stringify({ alone, under }));
