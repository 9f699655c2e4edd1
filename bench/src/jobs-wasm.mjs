// A job that answers with its payload, in our sandbox and in BullMQ's: one Redis server, one run, in turns.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KvJobQueue, WorkerPool } from "@aspen/jobs";
import { parseManifest } from "@aspen/plugin-api";
import { PluginHostContext } from "@aspen/plugin-host";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { WasmPluginHandler, WasmPluginRuntime } from "@aspen/wasm-plugin";
import { WasmWorker } from "@aspen/wasm-plugin/wasm-worker";
import binaryen from "binaryen";
import { Queue, Worker } from "bullmq";
import { echoGuest, MANIFEST } from "./lib/guests.mjs";
import { inFlight, summary } from "./lib/measure.mjs";
import { atLeast, digits, publish } from "./lib/report.mjs";

const NOTES = [
  "A rate is that of jobs added, 50 in flight, and completed, by workers that have run some already; adding is a part of it on both sides.",
  "A module has a fresh instance for each job, with a limit of memory, and can reach nothing. A method of a plugin runs in the instances that answer its requests.",
  "BullMQ's sandboxed processor runs in a thread or a process that it keeps for the next job; the code may do there what the process may.",
];
const { values: flags } = parseArgs({ options: { save: { type: "boolean", default: false } } });
const CONCURRENCY = 4;
const IN_FLIGHT = 50;
const ROUNDS = 3;
const JOBS = { "BullMQ, process": 200, "BullMQ, thread": 200 };
const MOST_MS = 120_000;
const logger = { debug() {}, info() {}, warn: console.warn, error: console.error };

const MODULE = `(module
  (import "extism:host/user" "mem_store" (func $store (param i32 i32) (result i64)))
  (import "extism:host/user" "input_read" (func $read (param i32 i32)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "run") (result i32)
    (local $n i32)
    (local.set $n (i32.wrap_i64 (call $length)))
    (call $read (i32.const 0) (local.get $n))
    (call $output (call $store (i32.const 0) (local.get $n)) (call $length))
    (i32.const 0)))`;

function compiled(text) {
  const module = binaryen.parseText(text);
  try {
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

/** Resolves when as many jobs as were awaited have ended. */
class Countdown {
  #left = 0;
  #done = () => {};

  async wait(count, work) {
    this.#left = count;
    let timer;
    const ended = new Promise((resolve, reject) => {
      this.#done = resolve;
      timer = setTimeout(() => reject(new Error(`${this.#left} jobs were not completed`)), MOST_MS);
    });
    try {
      await Promise.all([work(), ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  one() {
    this.#left -= 1;
    if (this.#left === 0) this.#done();
  }
}

async function ours(store, redisFree, payload, plugins, runtime) {
  const countdown = new Countdown();
  class Counting extends KvJobQueue {
    async complete(lease, result) {
      await super.complete(lease, result);
      countdown.one();
    }
  }
  const queue = new Counting(store, { namespace: `bench-wasm-${Math.random().toString(36).slice(2)}:` });
  const options = { concurrency: CONCURRENCY, pressure: false, soleProcess: redisFree };
  const pool = new WorkerPool({ queue, blobs: store.blobs, logger }, options);
  pool.add(new WasmWorker({ runtime, plugins, caller: LOCAL_CALLER, logger }));
  await pool.start();
  return {
    run: (count) =>
      countdown.wait(count, () => inFlight(IN_FLIGHT, count, () => queue.submit({ type: "wasm", payload }))),
    async close() {
      await pool[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
    },
  };
}

async function bull(url, useWorkerThreads) {
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const name = `bench-${useWorkerThreads ? "thread" : "process"}`;
  const queue = new Queue(name, { connection });
  const countdown = new Countdown();
  const worker = new Worker(name, fileURLToPath(new URL("./jobs-wasm/processor.cjs", import.meta.url)), {
    ...{ connection, useWorkerThreads, concurrency: CONCURRENCY },
    ...{ workerForkOptions: { execArgv: [] }, workerThreadsOptions: { execArgv: [] } },
  });
  worker.on("completed", () => countdown.one());
  worker.on("failed", (_job, error) => console.error(error));
  worker.on("error", console.error);
  await worker.waitUntilReady();
  return {
    run: (count) => countdown.wait(count, () => inFlight(IN_FLIGHT, count, () => queue.add("no-op", { n: 1 }))),
    async close() {
      await worker.close();
      await queue.close();
    },
  };
}

const server = await RedisServer.start();
const store = await RedisStore.open({ url: server.url });
const memory = new MemoryStore();
const runtime = new WasmPluginRuntime();
const manifest = parseManifest(MANIFEST);
const host = new PluginHostContext(manifest, { kv: store.kv, blobs: store.blobs, logger: { log() {} } });
const plugin = await WasmPluginHandler.load({ runtime, manifest, wasm: echoGuest(), host });
const plugins = { call: ({ method, params }, options) => plugin.instance.call(method, params, options) };
const wasm = compiled(MODULE);
const module = await store.blobs.put(wasm);
await memory.blobs.put(wasm);

const run = { module, input: { n: 1 } };
const contenders = {
  "BullMQ, process": await bull(server.url, false),
  "BullMQ, thread": await bull(server.url, true),
  "ours on Redis, module": await ours(store, false, run, plugins, runtime),
  "ours on Redis, plugin": await ours(store, false, { method: "bench.echo", params: { n: 1 } }, plugins, runtime),
  "ours in memory, module": await ours(memory, true, run, plugins, runtime),
};
const rates = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, contender] of Object.entries(contenders)) {
    const count = JOBS[name] ?? 600;
    const started = performance.now();
    await contender.run(round === 0 ? Math.ceil(count / 4) : count);
    // The first round warms up.
    if (round > 0) rates[name].push((count * 1000) / (performance.now() - started));
  }
}
for (const contender of Object.values(contenders)) await contender.close();
await plugin[Symbol.asyncDispose]();
await runtime[Symbol.asyncDispose]();
await memory[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
await server[Symbol.asyncDispose]();

const record = Object.fromEntries(Object.entries(rates).map(([name, values]) => [name, summary(values)]));
const peers = ["BullMQ, process", "BullMQ, thread"];
const to = (name, peer) => record[name].median / record[peer].median;
publish({
  name: "jobs-wasm",
  tables: [
    {
      title: `A job in a sandbox, ${CONCURRENCY} at once (per second)`,
      head: ["worker", "jobs", "least–most", ...peers.map((peer) => `to ${peer}`)],
      rows: Object.entries(record).map(([name, { median, min, max }]) => [
        ...[name, digits(median), `${digits(min)}–${digits(max)}`],
        ...peers.map((peer) => (name.startsWith("ours") ? atLeast(to(name, peer), 4) : `${digits(to(name, peer))}x`)),
      ]),
    },
  ],
  notes: NOTES,
  record: { rates: record },
  save: flags.save,
});
