// Workers that cannot boot, as their store is not there; prints what a plugin's start says.
import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { PluginHostContext } from "@aspen/plugin-host";
import { MemoryStore } from "@aspen/storage/memory";
import { WasmPluginHandler, WasmPluginRuntime } from "@aspen/wasm-plugin";

const directory = fileURLToPath(new URL("./no-such-store", import.meta.url));
const reader = { module: "@aspen/storage/embedded/worker-reader", data: { directory } };
const runtime = new WasmPluginRuntime({ spareWorkers: 3, reader });
const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("../fixtures/starter", import.meta.url)));
// Long enough for the spares to have failed.
await new Promise((resolve) => setTimeout(resolve, 1000));
const store = new MemoryStore();
const host = new PluginHostContext(manifest, { kv: store.kv, blobs: store.blobs, logger: { log() {} } });
const { code } = await WasmPluginHandler.load({ runtime, manifest, wasm, host }).catch((error) => error);
await runtime[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
console.log(JSON.stringify({ code, disposed: true }));
