// The layers beside the store under them: one server, one run.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EventLog, Leases } from "@aspen/layers";
import { appendValue } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { inFlight, measure, percentile } from "./lib/measure.mjs";
import { atLeast, digits, judged, publish } from "./lib/report.mjs";

const NOTES = [
  "An event is an append with a header of topic and time in front of its data, so that it is behind an append by what encoding and these bytes take.",
  "A put replaces the value of one of 10,000 keys; an append makes a new key each time, which the index has to take in, as a put of a new key does.",
  "Latency is from before the event is emitted until a follower has it, one event at a time: the commit is part of it.",
];

const { values: flags } = parseArgs({ options: { save: { type: "boolean", default: false } } });

const VALUE = Buffer.alloc(100, 7);
const WIDTHS = [1, 32];
/** Keys that the puts go round. */
const KEYS = 10_000;
const LATENCIES = 1000;

let turn = 0;
const key = () => `bench:${String(turn++ % KEYS).padStart(8, "0")}`;
let fresh = 0;
const freshKey = () => `bench:new:${String(fresh++).padStart(21, "0")}`;
const wide = (width, once) => (count) => inFlight(width, count, once);
/** Node 20 has no `await using`. */
async function using(resource, work) {
  try {
    return await work(resource);
  } finally {
    await resource[Symbol.asyncDispose]();
  }
}
/** µs per operation as operations per second. */
const rate = ({ median }) => 1e6 / median;

const record = { writes: {}, latency: {}, leases: {} };
const targets = [];
const writeRows = [];

async function writes(name, { kv }) {
  const log = new EventLog(kv);
  record.writes[name] = {};
  for (const width of WIDTHS) {
    const times = await measure({
      put: wide(width, () => kv.put(key(), VALUE)),
      // As an append, it enters a key into the index.
      putNew: wide(width, () => kv.put(freshKey(), VALUE)),
      append: wide(width, () => appendValue(kv, "bench:log:", VALUE)),
      emit: wide(width, () => log.emit("bench:", { topic: "bench.event", data: VALUE })),
    });
    record.writes[name][width] = times;
    const { put, putNew, append, emit } = times;
    const to = (one, other) => rate(one) / rate(other);
    writeRows.push([
      ...[name, String(width)],
      ...[put, putNew, append, emit].map((timing) => digits(rate(timing))),
      ...[to(append, put), to(append, putNew), to(emit, put)].map((ratio) => `${digits(ratio)}x`),
    ]);
    targets.push([`${name} append to put, ${width} in flight`, atLeast(to(append, put), 0.9)]);
    targets.push([`${name} append to put of a new key, ${width} in flight`, atLeast(to(append, putNew), 0.9)]);
  }
}

const latencyRows = [];

/** From before an event is emitted until a follower over another, or the same, store connection has it. */
async function latency(name, here, there, most) {
  const log = new EventLog(here.kv);
  const ended = new AbortController();
  const namespace = `${name.replaceAll(/\W/g, "-")}:`;
  const events = new EventLog(there.kv).follow({ namespaces: [namespace], signal: ended.signal });
  const times = [];
  const commits = [];
  for (let i = 0; i < LATENCIES; i++) {
    const told = events.next();
    // The follower waits, as it does when nothing happens.
    await new Promise((resolve) => setImmediate(resolve));
    const started = performance.now();
    const emitting = log.emit(namespace, { topic: "bench.event", data: i }).then((emitted) => {
      commits.push(performance.now() - started);
      return emitted;
    });
    const following = told.then((result) => {
      times.push(performance.now() - started);
      return result;
    });
    const [emitted, { value }] = await Promise.all([emitting, following]);
    if (value.id !== emitted.key) throw new Error("the follower was told another event");
  }
  ended.abort();
  await events.return();
  // The first ones begin the watch and warm up.
  const [p50, p99] = [0.5, 0.99].map((part) => percentile(times.slice(LATENCIES / 10), part));
  const commit = percentile(commits.slice(LATENCIES / 10), 0.5);
  record.latency[name] = { p50, p99, commit };
  latencyRows.push([name, digits(p50), digits(p99), digits(commit)]);
  targets.push([`event to subscriber, ${name}, p50`, judged(p50, most, " ms")]);
}

const leaseRows = [];

async function leases(name, { kv }) {
  const holder = new Leases(kv, { owner: "bench", ttlMs: 600_000 });
  const renewed = await holder.acquire("bench-leases:renewed");
  const lease = await kv.get("bench-leases:renewed");
  const times = await measure({
    acquireAndRelease: wide(1, async () => {
      await (await holder.tryAcquire("bench-leases:one")).release();
    }),
    // What a lease sends to renew itself.
    renew: wide(1, () => kv.compareAndSwap(lease.key, lease.value, lease.value, { ttlMs: 600_000 })),
    fencedPut: wide(1, () =>
      renewed.fencedTransact({ checks: [], ops: [{ type: "put", key: "bench-leases:value", value: VALUE }] }),
    ),
    put: wide(1, () => kv.put("bench-leases:value", VALUE)),
  });
  await renewed.release();
  record.leases[name] = times;
  leaseRows.push([name, ...Object.values(times).map((timing) => digits(timing.median))]);
}

const directory = await mkdtemp(join(tmpdir(), "aspen-bench-"));
try {
  const server = await RedisServer.start(["--appendfsync", "everysec"]);
  await using(server, async () => {
    const open = () => RedisStore.open({ url: server.url });
    await using(await open(), async (store) => {
      await writes("Redis", store);
      await leases("Redis", store);
      await latency("Redis, one node", store, store, 5);
      await using(await open(), (other) => latency("Redis, two nodes", store, other, 5));
    });
  });
  await using(await EmbeddedStore.open({ directory }), async (store) => {
    await writes("embedded", store);
    await leases("embedded", store);
    await latency("embedded, one node", store, store, 2);
  });
} finally {
  await rm(directory, { recursive: true, force: true });
}

publish({
  name: "layers",
  save: flags.save,
  record,
  notes: NOTES,
  tables: [
    {
      title: "Writes of 100 bytes (per second)",
      head: [
        ...["store", "in flight", "put", "put of a new key", "append", "emit"],
        ...["append to put", "append to put of a new key", "emit to put"],
      ],
      rows: writeRows,
    },
    {
      title: "From an event to its subscriber (ms)",
      head: ["where", "p50", "p99", "emit alone, p50"],
      rows: latencyRows,
    },
    {
      title: "Leases (µs)",
      head: ["store", "acquire and release", "renew", "fenced put", "put"],
      rows: leaseRows,
    },
    { title: "Targets", head: ["what", "measured"], rows: targets },
  ],
});
