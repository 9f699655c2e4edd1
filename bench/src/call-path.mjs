// The way of a call into a plugin and of a host call out of it, beside Extism's own two modes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { parseManifest } from "@aspen/plugin-api";
import { PluginHostContext } from "@aspen/plugin-host";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { MemoryStore } from "@aspen/storage/memory";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { WasmPluginHandler, WasmPluginRuntime } from "@aspen/wasm-plugin";
import createPlugin from "@extism/extism";
import { Redis } from "ioredis";
import { echoGuest, MANIFEST, READ_KEY, READS_PER_CALL, readGuest, stubbornGuest } from "./lib/guests.mjs";
import { inFlight, measure, summary } from "./lib/measure.mjs";
import { digits, judged, publish } from "./lib/report.mjs";

const NOTES = [
  "Waking a sleeping thread takes 30 to 60 µs on this machine; a lone call has two such waits, a `kv_get` on Redis three.",
  "A call costs the main thread and the worker about as much as Extism's own; on a processor where Extism takes 8 µs the ratio of 64 in flight was 1.4x, where it takes 6 µs it is 1.6x to 1.8x.",
  "Calls as short as these stay on one worker; a second would only take turns with it and the main thread on two cores.",
  "An awaited `redis.get` alone is 0.2x of Extism background's bridge here, so that 0.2x is out of reach for any guest; several keys in one `kv.getMany` share one wait.",
  "Extism background keeps all blocks between calls, and hands them over with every host call; it is reset after each request here, which is in its favour.",
];

const { values: flags } = parseArgs({ options: { save: { type: "boolean", default: false } } });
const PARAMS = { text: "hello" };
const KILLS = 15;

let opened = [];

/** Ends what a section has opened, so that its threads do not disturb the next. */
async function closeAll() {
  const closing = opened.reverse();
  opened = [];
  for (const it of closing) await it[Symbol.asyncDispose]();
}

async function handlerOf({ wasm, manifest = {}, store, options = {} }) {
  const full = parseManifest({ ...MANIFEST, ...manifest });
  const runtime = new WasmPluginRuntime(options);
  opened.push(runtime);
  const host = new PluginHostContext(full, { kv: store.kv, blobs: store.blobs, logger: { log() {} } });
  return WasmPluginHandler.load({ runtime, manifest: full, wasm, host });
}

let requests = 0;
const request = () => ({
  requestId: `bench-${requests++}`,
  caller: LOCAL_CALLER,
  signal: new AbortController().signal,
});
const caller =
  (handler, params = PARAMS) =>
  () =>
    handler.handle({ method: "bench.echo", params }, request());

function extism(wasm, runInWorker, functions = { kv_get: () => 0n }) {
  return createPlugin(new WebAssembly.Module(wasm), {
    useWasi: false,
    runInWorker,
    functions: { "extism:host/user": functions },
    nodeWorkerArgs: { execArgv: ["--disable-warning=ExperimentalWarning"] },
  });
}

/** What our handlers do around a call, done around Extism's. */
const extismCaller =
  (plugin, params = PARAMS) =>
  async () => {
    const { requestId } = request();
    const output = await plugin.call("handle_request", JSON.stringify({ method: "bench.echo", params, requestId }));
    return JSON.parse(output.text());
  };

// Without a reset the background mode keeps every block and hands all of them over with each host call.
const resettingCaller = (plugin) => {
  const call = extismCaller(plugin);
  return async () => {
    await call();
    await plugin.reset();
  };
};

const times = (once) => async (count) => {
  for (let i = 0; i < count; i++) await once();
};

async function calls(store) {
  const wasm = echoGuest();
  const typescript = await compilePlugin(fileURLToPath(new URL("../guest", import.meta.url)));
  const foreground = await extism(wasm, false);
  const background = await extism(wasm, true);
  const one = await handlerOf({ wasm, store });
  const two = await handlerOf({ wasm, store, manifest: { max_instances: 2 }, options: { scaleUpAfterMs: 0 } });
  const sdk = await handlerOf({ wasm: typescript.wasm, manifest: typescript.manifest, store });
  const plain = async (params) => ({ method: "bench.echo", params });
  const result = await measure({
    "plain function": times(() => plain(PARAMS)),
    "Extism foreground": times(extismCaller(foreground)),
    "Extism background": times(extismCaller(background)),
    "our pool, one call at a time": times(caller(one)),
    "our pool, 64 in flight, 1 worker": (count) => inFlight(64, count, caller(one)),
    "our pool, 64 in flight, 2 workers": (count) => inFlight(64, count, caller(two)),
    "TypeScript plugin, one call at a time": times(caller(sdk)),
    "TypeScript plugin, 64 in flight, 1 worker": (count) => inFlight(64, count, caller(sdk)),
  });
  await background.close();
  return result;
}

/** µs per call for growing params, to see that cost grows with size and no faster. */
async function growth(store) {
  const typescript = await compilePlugin(fileURLToPath(new URL("../guest", import.meta.url)));
  const sdk = await handlerOf({ wasm: typescript.wasm, manifest: typescript.manifest, store });
  const wasm = echoGuest();
  const foreground = await extism(wasm, false);
  const pool = await handlerOf({ wasm, store });
  const rows = {};
  for (const size of [16, 1024, 16_384, 131_072]) {
    const params = { text: "x".repeat(size) };
    rows[size] = await measure(
      {
        foreground: times(extismCaller(foreground, params)),
        lone: times(caller(pool, params)),
        flight: (count) => inFlight(64, count, caller(pool, params)),
        typescript: times(caller(sdk, params)),
      },
      { rounds: 3 },
    );
  }
  return rows;
}

/** What calls took, by the reads that each does. */
const perRead = (timing) =>
  Object.fromEntries(Object.entries(timing).map(([name, value]) => [name, value / READS_PER_CALL]));

/** µs per read of one value, of growing size. */
async function reads(redisUrl, directory) {
  const wasm = readGuest();
  const redisStore = await RedisStore.open({ url: redisUrl });
  const embedded = await EmbeddedStore.open({ directory });
  const raw = new Redis(redisUrl);
  opened.push(redisStore, embedded);
  const bridge = await extism(wasm, true, {
    async kv_get(context, offset) {
      return context.store(new Uint8Array(await raw.getBuffer(context.read(offset).text())));
    },
  });
  const onRedis = await handlerOf({ wasm, store: redisStore });
  const onLmdb = await handlerOf({ wasm, store: embedded, options: { reader: embedded.workerReader } });
  const rows = {};
  for (const size of [100, 10_000, 100_000]) {
    const value = new Uint8Array(size).fill(120);
    await Promise.all([raw.set(READ_KEY, Buffer.from(value)), redisStore.kv.put(READ_KEY, value)]);
    await embedded.kv.put(READ_KEY, value);
    const rounds = size === 100 ? 7 : 3;
    const { awaitedRedis, redis, bridged, lmdb, awaitedLmdb } = await measure(
      {
        awaitedRedis: times(() => raw.getBuffer(READ_KEY)),
        redis: times(caller(onRedis)),
        bridged: times(resettingCaller(bridge)),
        lmdb: times(caller(onLmdb)),
        awaitedLmdb: times(() => embedded.kv.get(READ_KEY)),
      },
      { rounds },
    );
    rows[size] = {
      "awaited redis.get": awaitedRedis,
      "Redis kv_get from the guest": perRead(redis),
      "Extism background's bridge": perRead(bridged),
      "LMDB kv_get from the guest": perRead(lmdb),
      "awaited LMDB get": awaitedLmdb,
    };
  }
  await bridge.close();
  raw.disconnect();
  return rows;
}

/** ms from the answer of a call that had to be killed to the answer of the next. */
async function afterKill(store) {
  const manifest = { execution_timeout_ms: 30 };
  const handler = await handlerOf({ wasm: stubbornGuest(), manifest, store });
  const next = caller(handler);
  const times = [];
  for (let i = 0; i < KILLS; i++) {
    await next();
    const killed = await caller(handler, { text: "x".repeat(200) })().catch((error) => error.code);
    if (killed !== "PLUGIN_TIMEOUT") throw new Error(`the stubborn guest ended with ${killed}`);
    const started = performance.now();
    await next();
    times.push(performance.now() - started);
    // A new spare has to boot before the next kill; kills in a row are not what this measures.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return summary(times);
}

const store = new MemoryStore();
const directory = await mkdtemp(join(tmpdir(), "aspen-bench-"));
const redis = await RedisServer.start();
try {
  const call = await calls(store);
  await closeAll();
  const size = await growth(store);
  await closeAll();
  const read = await reads(redis.url, directory);
  await closeAll();
  const kill = await afterKill(store);
  const us = (name) => call[name].median;
  const foreground = us("Extism foreground");
  const background = us("Extism background");
  const small = read[100];
  const redisRead = small["Redis kv_get from the guest"].median;
  publish({
    name: "call-path",
    save: flags.save,
    record: { call, size, read, kill },
    notes: NOTES,
    tables: [
      {
        title: "One call",
        head: ["", "µs, median", "least–most", "x Extism foreground", "x Extism background"],
        rows: Object.entries(call).map(([name, { median, min, max }]) => [
          name,
          digits(median),
          `${digits(min)}–${digits(max)}`,
          digits(median / foreground),
          digits(median / background),
        ]),
      },
      {
        title: "Growth with the size of the params (µs)",
        head: ["bytes", "Extism foreground", "our pool, lone", "our pool, 64 in flight", "TypeScript plugin, lone"],
        rows: Object.entries(size).map(([bytes, { foreground, lone, flight, typescript }]) => [
          bytes,
          ...[foreground, lone, flight, typescript].map(({ median }) => digits(median)),
        ]),
      },
      {
        title: "One kv_get (µs), by the size of the value",
        head: ["", ...Object.keys(read).map((bytes) => `${bytes} bytes`), "x awaited redis.get, 100 bytes"],
        rows: Object.keys(small).map((name) => [
          name,
          ...Object.values(read).map((row) => digits(row[name].median)),
          digits(small[name].median / small["awaited redis.get"].median),
        ]),
      },
      {
        title: "Targets",
        head: ["what", "measured"],
        rows: [
          ["lone call, to Extism background", judged(us("our pool, one call at a time") / background, 0.25)],
          [
            "64 in flight, 1 worker, to Extism foreground",
            judged(us("our pool, 64 in flight, 1 worker") / foreground, 1.5),
          ],
          [
            "64 in flight, 2 workers, to Extism foreground",
            judged(us("our pool, 64 in flight, 2 workers") / foreground, 1.5),
          ],
          ["Redis kv_get, to an awaited redis.get", judged(redisRead / small["awaited redis.get"].median, 2.5)],
          [
            "Redis kv_get, to Extism background's bridge",
            judged(redisRead / small["Extism background's bridge"].median, 0.2),
          ],
          ["LMDB kv_get, to the Redis one", judged(small["LMDB kv_get from the guest"].median / redisRead, 0.1)],
          [
            "next call after a killed worker",
            `${digits(kill.median)} ms, at most ${digits(kill.max)} ms in ${KILLS} kills (target ≤ 5 ms: ${kill.median <= 5 ? "met" : "missed"})`,
          ],
        ],
      },
    ],
  });
} finally {
  await closeAll();
  await redis[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
}
