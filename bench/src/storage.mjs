// The stores beside the raw clients under them: the same server, the same durability, one run.
import { mkdir, mkdtemp, open as openFile, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { appendValue } from "@aspen/storage";
import { EmbeddedReader, EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { Redis } from "ioredis";
import { open } from "lmdb";
import { inFlight, measure } from "./lib/measure.mjs";
import { atLeast, digits, judged, publish } from "./lib/report.mjs";

const NOTES = [
  "One command at a time waits for the server, 64 are bound by the client's core: objects of commands and their garbage, which the collection that is forced before each round makes dearer. In a loop without it put is 0.87x and CAS 0.77x.",
  "A page of a scan is bound by the copy of each value; a view into one buffer would keep a whole page alive for one small value.",
  "Blobs are hashed twice, the chunk and the whole, on the client's core. Redis writes 64 MiB to its append-only file meanwhile, so that this line differs most from run to run (0.5x to 0.95x).",
];

const { values: flags } = parseArgs({
  options: {
    save: { type: "boolean", default: false },
    keys: { type: "string", default: "1000000" },
    /** Measures appends alone. */
    appends: { type: "boolean", default: false },
  },
});

const VALUE = Buffer.alloc(100, 7);
const WIDTHS = [1, 64];
const APPEND_WIDTHS = [1, 32];
const BATCH = 100;
const PAGE = 1000;
/** Keys that the reads and writes of a table go round. */
const KEYS = 10_000;
const CHUNK_BYTES = 1024 * 1024;
const BLOB_BYTES = 64 * CHUNK_BYTES;
const BLOB_CHUNKS_IN_FLIGHT = 4;
const SIZES = [1e3, 1e4, 1e5, 1e6].filter((size) => size <= Number(flags.keys));

const directory = await mkdtemp(join(tmpdir(), "aspen-bench-"));
const key = (i) => `bench:${String(i % KEYS).padStart(8, "0")}`;
const grown = (size, i) => `grow${size}:${String(i).padStart(8, "0")}`;

let turn = 0;
const next = () => turn++;
const wide = (width, once) => (count) => inFlight(width, count, once);
/** Node 20 has no `await using`. */
async function using(resource, work) {
  try {
    return await work(resource);
  } finally {
    await (resource[Symbol.asyncDispose] ?? resource[Symbol.dispose]).call(resource);
  }
}

/** Rows per second instead of µs per operation. */
const rate = (timing, rows = 1) => (rows * 1e6) / timing.median;

const redisRows = [];
const targets = [];
const record = { redis: {}, embedded: {}, appends: {}, growth: [], blobs: {} };

/** A row of a table: ours beside the raw client, as operations per second. */
function row(rows, what, width, ours, raw, rawName, scale = 1) {
  const ratio = rate(ours, scale) / rate(raw);
  rows.push([what, String(width), digits(rate(ours, scale)), digits(rate(raw)), rawName, `${digits(ratio)}x`]);
  return ratio;
}

async function redis(server, store) {
  const raw = new Redis(server.url);
  const { kv } = store;
  for (let i = 0; i < KEYS; i += BATCH) {
    await kv.transact({
      checks: [],
      ops: Array.from({ length: BATCH }, (_, at) => ({ type: "put", key: key(i + at), value: VALUE })),
    });
    await Promise.all(Array.from({ length: BATCH }, (_, at) => raw.set(`raw:${key(i + at)}`, VALUE)));
  }
  const some = (count) => Array.from({ length: count }, () => key(next()));
  const batch = () => some(BATCH).map((name) => ({ type: "put", key: name, value: VALUE }));
  for (const width of WIDTHS) {
    // In groups, so that the garbage of a page of a scan is not collected while a single write is timed.
    const writes = await measure({
      set: wide(width, () => raw.set(`raw:${key(next())}`, VALUE)),
      put: wide(width, () => kv.put(key(next()), VALUE)),
      cas: wide(width, () => kv.compareAndSwap(key(next()), VALUE, VALUE)),
    });
    const reads = await measure({
      rawGet: wide(width, () => raw.getBuffer(`raw:${key(next())}`)),
      get: wide(width, () => kv.get(key(next()))),
      mget: wide(width, () => raw.mgetBuffer(...some(BATCH).map((name) => `raw:${name}`))),
      getMany: wide(width, () => kv.getMany(some(BATCH))),
    });
    const batches = await measure({
      multi: wide(width, () => {
        const multi = raw.multi();
        for (const name of some(BATCH)) multi.set(`raw:${name}`, VALUE);
        return multi.exec();
      }),
      transact: wide(width, () => kv.transact({ checks: [], ops: batch() })),
      scan: wide(width, () => kv.scan({ prefix: "bench:", limit: PAGE })),
    });
    const times = { ...writes, ...reads, ...batches };
    record.redis[width] = times;
    const rows = redisRows;
    const put = row(rows, "put", width, times.put, times.set, "SET");
    const cas = row(rows, "compareAndSwap", width, times.cas, times.set, "SET");
    row(rows, "get", width, times.get, times.rawGet, "GET");
    row(rows, `getMany of ${BATCH}`, width, times.getMany, times.mget, `MGET of ${BATCH}`);
    row(rows, `transact of ${BATCH}`, width, times.transact, times.multi, `MULTI of ${BATCH} SET`);
    const scan = row(rows, `scan, rows of pages of ${PAGE}`, width, times.scan, times.set, "SET", PAGE);
    targets.push(
      [`Redis put to SET, ${width} in flight`, atLeast(put, 0.8)],
      [`Redis compareAndSwap to SET, ${width} in flight`, atLeast(cas, 0.75)],
      [`Redis scan, rows to SET, ${width} in flight`, atLeast(scan, 7)],
    );
  }
  raw.disconnect();
}

const embeddedRows = [];

async function embedded(store) {
  const raw = open({
    path: join(directory, "raw"),
    keyEncoding: "binary",
    encoding: "binary",
    // As ours: acknowledged means on the disk.
    overlappingSync: false,
    eventTurnBatching: false,
  });
  const { kv } = store;
  const bytes = (name) => Buffer.from(name);
  for (let i = 0; i < KEYS; i += BATCH) {
    const names = Array.from({ length: BATCH }, (_, at) => key(i + at));
    await kv.transact({ checks: [], ops: names.map((name) => ({ type: "put", key: name, value: VALUE })) });
    await Promise.all(names.map((name) => raw.put(bytes(name), VALUE)));
  }
  const reader = await EmbeddedReader.open({ directory: store.directory });
  const rawScan = async () => {
    for (const { value } of raw.getRange({ start: bytes("bench:"), limit: PAGE })) value.length;
  };
  const batch = () => Array.from({ length: BATCH }, () => ({ type: "put", key: key(next()), value: VALUE }));
  for (const width of WIDTHS) {
    const times = await measure({
      rawPut: wide(width, () => raw.put(bytes(key(next())), VALUE)),
      put: wide(width, () => kv.put(key(next()), VALUE)),
      cas: wide(width, () => kv.compareAndSwap(key(next()), VALUE, VALUE)),
      rawBatch: wide(width, () =>
        raw.transaction(() => {
          for (const op of batch()) raw.putSync(bytes(op.key), op.value);
        }),
      ),
      transact: wide(width, () => kv.transact({ checks: [], ops: batch() })),
      rawGet: wide(width, async () => raw.getBinary(bytes(key(next())))),
      get: wide(width, () => kv.get(key(next()))),
      rawScan: wide(width, rawScan),
      scan: wide(width, () => kv.scan({ prefix: "bench:", limit: PAGE })),
    });
    record.embedded[width] = times;
    row(embeddedRows, "put", width, times.put, times.rawPut, "put");
    row(embeddedRows, "compareAndSwap", width, times.cas, times.rawPut, "put");
    row(embeddedRows, `transact of ${BATCH}`, width, times.transact, times.rawBatch, `transaction of ${BATCH} putSync`);
    row(embeddedRows, "get", width, times.get, times.rawGet, "getBinary");
    row(embeddedRows, `scan, pages of ${PAGE}`, width, times.scan, times.rawScan, "getRange");
  }
  const inWorker = await measure({
    get: async (count) => {
      for (let i = 0; i < count; i++) {
        // Once for each call of a guest, not for each read of one.
        if (i % BATCH === 0) reader.refresh();
        reader.get(key(next()));
      }
    },
  });
  record.embedded.reader = inWorker;
  targets.push(["embedded get in a worker, µs", judged(inWorker.get.median, 3, " µs")]);
  reader[Symbol.dispose]();
  await raw.close();
}

const appendRows = [];

/** An append makes a new key each time, so it stands beside a put of a new key, and beside one that replaces a value. */
async function appends(name, store) {
  const { kv } = store;
  record.appends[name] = {};
  for (const width of APPEND_WIDTHS) {
    const times = await measure({
      put: wide(width, () => kv.put(key(next()), VALUE)),
      putNew: wide(width, () => kv.put(`new:${next()}`, VALUE)),
      append: wide(width, () => appendValue(kv, "log:", VALUE)),
    });
    record.appends[name][width] = times;
    const ratio = rate(times.append) / rate(times.put);
    appendRows.push([
      name,
      String(width),
      ...[times.append, times.putNew, times.put].map((timing) => digits(rate(timing))),
      `${digits(rate(times.append) / rate(times.putNew))}x`,
      `${digits(ratio)}x`,
    ]);
    targets.push([`${name} append to put, ${width} in flight`, atLeast(ratio, 0.9)]);
  }
}

const growthRows = [];

/** Cost of an operation as its namespace grows, and what a key takes. */
async function growth(name, store, used) {
  const { kv } = store;
  let first;
  for (const size of SIZES) {
    const before = await used();
    const ops = [];
    for (let i = 0; i < size; i += PAGE) {
      const part = Array.from({ length: Math.min(PAGE, size - i) }, (_, at) => ({
        type: "put",
        key: grown(size, i + at),
        value: VALUE,
      }));
      ops.push(kv.transact({ checks: [], ops: part }));
      if (ops.length === 16) await Promise.all(ops.splice(0));
    }
    await Promise.all(ops);
    const perKey = ((await used()) - before) / size;
    const at = () => grown(size, Math.floor(Math.random() * size));
    const times = await measure(
      {
        get: wide(64, () => kv.get(at())),
        put: wide(64, () => kv.put(at(), VALUE)),
        // Ten keys share all digits but the last.
        scan: wide(1, () => kv.scan({ prefix: at().slice(0, -1), limit: 10 })),
      },
      { rounds: 5 },
    );
    first ??= times;
    record.growth.push({ store: name, size, perKey, ...times });
    const cell = (what) => `${digits(times[what].median)} (${digits(times[what].median / first[what].median)}x)`;
    growthRows.push([name, size.toLocaleString("en"), cell("get"), cell("put"), cell("scan"), digits(perKey)]);
    if (size === SIZES.at(-1)) {
      targets.push([
        `${name}: a scan of 10 keys among ${size.toLocaleString("en")}, to one among ${SIZES[0].toLocaleString("en")}`,
        judged(times.scan.median / first.scan.median, 1.5),
      ]);
    }
  }
}

const blobRows = [];

/** A blob in and out, beside its chunks written and read with the raw client. */
async function blobs(name, store, raw) {
  let seed = 0;
  const fresh = () => {
    const data = Buffer.alloc(BLOB_BYTES);
    for (let at = 0; at < BLOB_BYTES; at += CHUNK_BYTES) data.writeUInt32LE(++seed, at);
    return data;
  };
  const chunks = (data) =>
    Array.from({ length: BLOB_BYTES / CHUNK_BYTES }, (_, at) =>
      data.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES),
    );
  const each = async (list, work) => {
    let at = 0;
    await inFlight(BLOB_CHUNKS_IN_FLIGHT, list.length, () => work(list[at], at++));
  };
  const drain = async (hash) => {
    for await (const part of await store.blobs.get(hash)) part.length;
  };
  async function* parts(data) {
    yield* chunks(data);
  }
  const timed = async (work) => {
    const started = performance.now();
    await work();
    return BLOB_BYTES / 1e3 / (performance.now() - started);
  };
  const speeds = { in: [], rawIn: [], out: [], rawOut: [] };
  for (let round = 0; round < 6; round++) {
    const data = fresh();
    let hash;
    const speed = {
      rawIn: await timed(() => each(chunks(data), (chunk, at) => raw.write(at, chunk))),
      in: await timed(async () => {
        hash = await store.blobs.put(parts(data));
      }),
      rawOut: await timed(() => each(chunks(data), (_, at) => raw.read(at))),
      out: await timed(() => drain(hash)),
    };
    await store.blobs.delete(hash);
    // The first round warms up.
    if (round > 0) for (const [what, value] of Object.entries(speed)) speeds[what].push(value);
  }
  const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const result = Object.fromEntries(Object.entries(speeds).map(([what, values]) => [what, median(values)]));
  record.blobs[name] = result;
  for (const [what, ours, theirs] of [
    ["in", result.in, result.rawIn],
    ["out", result.out, result.rawOut],
  ]) {
    blobRows.push([`${name}, ${what}`, digits(ours), digits(theirs), `${digits(ours / theirs)}x`]);
    targets.push([`${name} blobs ${what}, to raw`, atLeast(ours / theirs, 0.8)]);
  }
}

async function redisGrowthAndBlobs(server, store) {
  const raw = new Redis(server.url);
  await growth("Redis", store, async () => Number(/used_memory:(\d+)/.exec(await raw.info("memory"))?.[1]));
  await raw.flushall();
  await blobs("Redis", store, {
    write: (at, chunk) => raw.set(`raw:${at}`, chunk),
    read: (at) => raw.getBuffer(`raw:${at}`),
  });
  raw.disconnect();
}

async function fileBlobs(store) {
  const folder = join(directory, "raw-chunks");
  await mkdir(folder);
  await blobs("files", store, {
    write: async (at, chunk) => {
      const file = await openFile(join(folder, String(at)), "w");
      await file.writeFile(chunk);
      await file.sync();
      await file.close();
    },
    read: (at) => readFile(join(folder, String(at))),
  });
}

const withRedis = async (work) =>
  using(await RedisServer.start(["--appendfsync", "everysec"]), async (server) => {
    for (const part of work) await using(await RedisStore.open({ url: server.url }), (store) => part(server, store));
  });
const withDirectory = async (name, work, options = {}) =>
  using(await EmbeddedStore.open({ directory: join(directory, name), ...options }), work);

try {
  // Their keys are many: on a server and in a directory of their own.
  await withRedis([(_server, store) => appends("Redis", store)]);
  await withDirectory("appends", (store) => appends("embedded", store));
  if (!flags.appends) {
    await withRedis([redis, redisGrowthAndBlobs]);
    await withDirectory("ours", embedded);
    await withDirectory(
      "grown",
      (store) => growth("embedded", store, async () => (await stat(join(store.directory, "kv", "data.mdb"))).size),
      { durability: "relaxed" },
    );
    await withDirectory("blobs", fileBlobs);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}

const head = ["operation", "in flight", "ours, per second", "raw, per second", "raw is", "ratio"];
publish({
  name: "storage",
  save: flags.save,
  record,
  notes: NOTES,
  // A table of what was not measured is left out.
  tables: [
    { title: "Redis, values of 100 bytes", head, rows: redisRows },
    { title: "Embedded (LMDB), synced to the disk before it is acknowledged", head, rows: embeddedRows },
    {
      title: "Appends beside puts, per second",
      head: ["store", "in flight", "append", "put of a new key", "put", "to a new key", "to put"],
      rows: appendRows,
    },
    {
      title: "Growth with the number of keys of a namespace (µs; in brackets to the smallest)",
      head: ["store", "keys", "get, 64 in flight", "put, 64 in flight", "scan of 10 keys", "bytes per key"],
      rows: growthRows,
    },
    {
      title: `Blobs of ${BLOB_BYTES / CHUNK_BYTES} MiB (MB/s)`,
      head: ["store", "ours", "raw chunks", "ratio"],
      rows: blobRows,
    },
    { title: "Targets", head: ["what", "measured"], rows: targets },
  ].filter(({ rows }) => rows.length > 0),
});
