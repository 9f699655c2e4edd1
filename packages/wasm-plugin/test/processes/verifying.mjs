// Tries out a wasm file until it is killed.
import { readFileSync } from "node:fs";
import { WasmPluginRuntime } from "@aspen/wasm-plugin";

const runtime = new WasmPluginRuntime({ spareWorkers: 0 });
await runtime.verify({
  manifest: { name: "slow", entry: { kind: "wasm", wasm: "plugin.wasm" } },
  files: new Map([["plugin.wasm", readFileSync(process.argv[2])]]),
});
