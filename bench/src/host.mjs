// Each host function from a guest beside the same call from plain TypeScript, on both stores.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { EventLog } from "@aspen/layers";
import { createNode } from "@aspen/node";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { measure, percentile } from "./lib/measure.mjs";
import { digits, judged, publish } from "./lib/report.mjs";

const NOTES = [
  "A guest's time is that of one host call among many of one call of the plugin, so that the call of the plugin itself is not in it.",
  "Latency is from before an event is emitted until the plugin's `onHookEvent` has begun and told the node so by a write, one event at a time.",
  "`rpc.call` goes from one plugin to another within a call; the outside call is the same method, asked alone by this process.",
  "A blob goes through a plugin of 64 MiB in parts: it is read, and written as another.",
];

const { values: flags } = parseArgs({
  options: { save: { type: "boolean", default: false }, small: { type: "boolean", default: false } },
});
const LATENCIES = flags.small ? 20 : 500;
const BLOB_BYTES = (flags.small ? 4 : 100) * 1024 * 1024;
const ROUNDS = flags.small ? 1 : 5;
const VALUE = Buffer.alloc(100, 7);
/** Node 20 has no `await using`. */
async function using(resource, work) {
  try {
    return await work(resource);
  } finally {
    await resource[Symbol.asyncDispose]();
  }
}

const times = (once) => async (count) => {
  for (let done = 0; done < count; done += 1) await once(done);
};

const nodeOn = (store) => createNode({ store, config: { listen: { port: 0 }, logLevel: "silent" } });

async function install(node, name) {
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL(`../guest-${name}`, import.meta.url)));
  const content = { base64: Buffer.from(wasm).toString("base64") };
  await node.inject("plugin.install", { manifest, artifacts: [{ name: "plugin.wasm", content }] });
}

const record = { functions: {}, latency: {}, rpc: {}, blob: {} };
const targets = [];
const functionRows = [];
const latencyRows = [];
const rpcRows = [];
const blobRows = [];

/** Host calls of each kind in one call of the plugin. */
const guestTimes = (node, what) => async (count) => {
  const done = await node.inject("host.repeat", { what, count });
  if (done !== count) throw new Error(`${what} was done ${done} times instead of ${count}`);
};

async function functions(name, node, { kv, blobs }) {
  const log = new EventLog(kv);
  await kv.put("host:key", VALUE);
  const hash = await blobs.put(VALUE);
  await kv.put("host:hash", Buffer.from(hash));
  const plain = {
    kv_get: times(() => kv.get("host:key")),
    kv_put: times((n) => kv.put(`host:put:${n % 1000}`, VALUE)),
    kv_cas: times(() => kv.compareAndSwap("host:key", VALUE, VALUE)),
    kv_scan: times(() => kv.scan({ prefix: "host:key", limit: 1 })),
    kv_transact: times((n) =>
      kv.transact({ checks: [], ops: [{ type: "put", key: `host:put:${n % 1000}`, value: VALUE }] }),
    ),
    events_emit: times(() => log.emit("host:", { topic: "quiet.event", data: VALUE })),
    blob_put: times(() => blobs.put(VALUE)),
    blob_get: times(() => blobs.read(hash, 1024)),
    blob_has: times(() => blobs.has(hash)),
    clock_now: times(async () => Date.now()),
  };
  record.functions[name] = {};
  for (const [what, run] of Object.entries(plain)) {
    const both = await measure({ guest: guestTimes(node, what), plain: run }, { rounds: ROUNDS });
    record.functions[name][what] = both;
    const ratio = both.guest.median / both.plain.median;
    functionRows.push([name, what, digits(both.guest.median), digits(both.plain.median), `${digits(ratio)}x`]);
  }
}

async function latency(name, { kv }, most) {
  const log = new EventLog(kv);
  const found = [];
  for (let n = 0; n < LATENCIES; n += 1) {
    const key = `host:told:${n}`;
    const ended = new AbortController();
    const changes = kv.watch(key, { signal: ended.signal })[Symbol.asyncIterator]();
    const told = changes.next();
    await new Promise((resolve) => setImmediate(resolve));
    const started = performance.now();
    await log.emit("host:", {
      topic: "loud.event",
      data: Buffer.from(JSON.stringify({ key })),
      contentType: "application/json",
    });
    await told;
    found.push(performance.now() - started);
    ended.abort();
    await changes.return();
  }
  // The first ones warm up.
  const [p50, p99] = [0.5, 0.99].map((part) => percentile(found.slice(LATENCIES / 10), part));
  record.latency[name] = { p50, p99 };
  latencyRows.push([name, digits(p50), digits(p99)]);
  targets.push([`event to plugin, ${name}, p50`, judged(p50, most, " ms")]);
}

async function rpc(name, node) {
  const both = await measure(
    { inside: guestTimes(node, "rpc_call"), outside: times(() => node.inject("neighbour.echo", { text: "hello" })) },
    { rounds: ROUNDS },
  );
  record.rpc[name] = both;
  const ratio = both.inside.median / both.outside.median;
  rpcRows.push([name, digits(both.inside.median), digits(both.outside.median)]);
  targets.push([`rpc.call to an outside call, ${name}`, judged(ratio, 1.5)]);
}

async function blob(name, node, { blobs }) {
  const chunk = Buffer.alloc(1024 * 1024, 3);
  async function* bytes() {
    for (let sent = 0; sent < BLOB_BYTES; sent += chunk.length) {
      chunk.writeUInt32LE(sent);
      yield Buffer.from(chunk);
    }
  }
  const hash = await blobs.put(bytes());
  const started = performance.now();
  const copied = await node.inject("host.copy", { hash });
  const throughGuest = performance.now() - started;
  if (copied.hash === hash || copied.bytes !== BLOB_BYTES) throw new Error("the plugin wrote another blob");
  const plainStarted = performance.now();
  async function* marked() {
    yield Buffer.from("plain");
    yield* await blobs.get(hash);
  }
  await blobs.put(marked());
  const plain = performance.now() - plainStarted;
  const perSecond = (ms) => BLOB_BYTES / 1024 / 1024 / (ms / 1000);
  record.blob[name] = { bytes: BLOB_BYTES, guestMs: throughGuest, plainMs: plain };
  blobRows.push([name, digits(perSecond(throughGuest)), digits(perSecond(plain)), `${digits(throughGuest / plain)}x`]);
}

async function all(name, store, mostMs) {
  await using(await nodeOn(store), async (node) => {
    await install(node, "host");
    await install(node, "neighbour");
    await functions(name, node, store);
    await latency(name, store, mostMs);
    await rpc(name, node);
    await blob(name, node, store);
  });
}

const directory = await mkdtemp(join(tmpdir(), "aspen-bench-"));
try {
  await using(await RedisServer.start(["--appendfsync", "everysec"]), async (server) => {
    await using(await RedisStore.open({ url: server.url }), (store) => all("Redis", store, 5));
  });
  await using(await EmbeddedStore.open({ directory }), (store) => all("embedded", store, 2));
} finally {
  await rm(directory, { recursive: true, force: true });
}

publish({
  name: "host",
  save: flags.save,
  record,
  notes: NOTES,
  tables: [
    {
      title: "Host functions (µs)",
      head: ["store", "function", "guest", "plain TypeScript", "guest to plain"],
      rows: functionRows,
    },
    { title: "From an event to the plugin (ms)", head: ["store", "p50", "p99"], rows: latencyRows },
    { title: "Calls (µs)", head: ["store", "`rpc.call` of a plugin", "outside call, one at a time"], rows: rpcRows },
    {
      title: `${BLOB_BYTES / 1024 / 1024} MiB through a plugin of 64 MiB (MiB per second)`,
      head: ["store", "guest", "plain TypeScript", "time to plain"],
      rows: blobRows,
    },
    { title: "Targets", head: ["what", "measured"], rows: targets },
  ],
});
