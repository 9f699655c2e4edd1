// A blob of 1 GiB goes through a plugin of 64 MiB; fails when what comes out is another, or the process keeps it in memory.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { PluginHostContext } from "@aspen/plugin-host";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { WasmPluginHandler, WasmPluginRuntime } from "@aspen/wasm-plugin";

const MIB = 1024 * 1024;
const { values } = parseArgs({ options: { mib: { type: "string", default: "1024" } } });
const BYTES = Number(values.mib) * MIB;
/** What the process may have more than before: buffers of the stream, the worker and its guest. */
const MOST_MORE_BYTES = 512 * MIB;

async function* bytes() {
  const chunk = Buffer.alloc(MIB, 7);
  for (let sent = 0; sent < BYTES; sent += MIB) {
    chunk.writeUInt32LE(sent / MIB);
    yield Buffer.from(chunk);
  }
}

const directory = await mkdtemp(join(tmpdir(), "aspen-soak-blobs-"));
const store = await EmbeddedStore.open({ directory });
const runtime = new WasmPluginRuntime();
try {
  const suite = fileURLToPath(new URL("../../../plugin-host/fixtures/suite", import.meta.url));
  const { manifest: written, wasm } = await compilePlugin(suite);
  const manifest = { ...written, memory_limit: 64 * MIB, execution_timeout_ms: 300_000 };
  const host = new PluginHostContext(manifest, { kv: store.kv, blobs: store.blobs, logger: { log() {} } });
  const handler = await WasmPluginHandler.load({ runtime, manifest, wasm, host });
  const hash = await store.blobs.put(bytes());
  const before = process.memoryUsage().rss;
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 50);
  const started = performance.now();
  const copied = await handler.handle(
    { method: "suite.copy", params: { hash } },
    { requestId: "soak", caller: LOCAL_CALLER, signal: new AbortController().signal },
  );
  clearInterval(watch);
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${BYTES / MIB} MiB in ${seconds.toFixed(1)} s; the process grew by ${Math.round((most - before) / MIB)} MiB`,
  );
  if (copied.hash !== hash || copied.size !== BYTES) throw new Error("the plugin wrote another blob than it read");
  if (most - before > MOST_MORE_BYTES) throw new Error("the process kept the blob in memory");
} finally {
  await runtime[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
}
