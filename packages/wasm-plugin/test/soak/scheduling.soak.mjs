// Quick, slow, large and endless calls of one plugin at once, some of them given up; fails when one ran twice or
// ended in another way than it should.

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { PluginHostContext } from "@aspen/plugin-host";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { WasmPluginHandler, WasmPluginRuntime } from "@aspen/wasm-plugin";

const { values } = parseArgs({
  options: { calls: { type: "string", default: "300000" }, seed: { type: "string", default: "1" } },
});
const AT_ONCE = 200;
const SETTINGS = [
  { isolation: "instance", max_instances: 3 },
  { isolation: "instance", max_instances: 2 },
  { isolation: "call", max_instances: 3 },
];

let seed = Number(values.seed);
function random() {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
}

const store = new MemoryStore();
const runtime = new WasmPluginRuntime();
const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("../fixtures/starter", import.meta.url)));
const counts = { answered: 0, cancelled: 0, stopped: 0 };
const wrong = [];
let next = 0;

/** One call; a hundredth is slow, a twelfth large, one in 800 endless. */
function start(handler, given) {
  const key = String(next++);
  const kind = random();
  const endless = kind < 1 / 800;
  const params = { key, ms: kind > 0.99 ? 3 + random() * 5 : 0, pad: kind > 0.9 ? "x".repeat(60_000) : "" };
  const request = { method: endless ? "starter.loop" : "starter.mark", params };
  const signal = random() < 0.1 ? given : new AbortController().signal;
  return handler.handle(request, { requestId: key, caller: LOCAL_CALLER, signal }).then(
    (once) => {
      counts.answered += 1;
      if (once !== true) wrong.push(`call ${key} ran twice`);
    },
    ({ code, message }) => {
      if (code === "CANCELLED" && signal === given) counts.cancelled += 1;
      // A machine that stands still may stop a quick call, too.
      else if (code === "PLUGIN_TIMEOUT") counts.stopped += 1;
      else wrong.push(`call ${key}: ${code} ${message}`);
    },
  );
}

const started = performance.now();
for (const setting of SETTINGS) {
  const own = { ...manifest, ...setting, execution_timeout_ms: 200 };
  const host = new PluginHostContext(own, { kv: store.kv, blobs: store.blobs, logger: { log() {} } });
  const handler = await WasmPluginHandler.load({ runtime, manifest: own, wasm, host });
  for (let done = 0; done < Number(values.calls) / SETTINGS.length; done += AT_ONCE) {
    const controller = new AbortController();
    const calls = Array.from({ length: AT_ONCE }, () => start(handler, controller.signal));
    setTimeout(() => controller.abort(), random() * 5);
    await Promise.all(calls);
  }
  await handler[Symbol.asyncDispose]();
}
const seconds = (performance.now() - started) / 1000;
const { answered, cancelled, stopped } = counts;
console.log(
  `${next} calls in ${seconds.toFixed(1)} s: ${answered} answered, ${cancelled} cancelled, ${stopped} stopped`,
);
console.log(`${wrong.length} wrong${wrong.length > 0 ? `: ${wrong.slice(0, 10).join("; ")}` : ""}`);
await runtime[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
process.exitCode = wrong.length === 0 && answered + cancelled + stopped === next ? 0 : 1;
