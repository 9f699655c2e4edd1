// Our queue engines and workers beside bare BullMQ and its sandboxes: one server, one run.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { MemoryStore } from "@aspen/storage/memory";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { BullQueue } from "./jobs/bullmq-queue.mjs";
import { cancels } from "./jobs/cancels.mjs";
import { OurQueue } from "./jobs/our-queue.mjs";
import { inFlight, percentile, summary } from "./lib/measure.mjs";
import { atLeast, digits, judged, publish } from "./lib/report.mjs";

const NOTES = [
  "Every contender has its defaults: BullMQ keeps completed jobs for ever, we for a day; both have an event for each change of a job, we in the transaction that makes it. Redis has an append-only file that is flushed each second.",
  "`ours, BullMQ engine` is the same pool and contract on BullMQ's own scripts: what it takes beyond bare BullMQ is the contract's.",
  "Our memory and embedded stores belong to this one process, which needs no server; BullMQ has Redis only.",
  "Jobs are added one by one, `in flight` at a time, and processed by one process that also counts them. The best of a few interleaved rounds would flatter: the median counts.",
  "Latency is from before the job is added until who added it knows that it is completed, one job at a time, by `wait` and by `waitUntilFinished`.",
  "A thread of ours is no sandbox, as BullMQ's is none; a no-op job in them is what handing it over costs.",
  "A job that heeds its signal ends by itself; one that does not is ended with its thread after `graceMs`, 250 ms. BullMQ cannot cancel a running job of another process.",
];

const { values: flags } = parseArgs({
  options: {
    save: { type: "boolean", default: false },
    million: { type: "boolean", default: false },
    only: { type: "string" },
  },
});
const wanted = (part) => flags.only === undefined || flags.only.split(",").includes(part);

const ROUNDS = 3;
const JOBS = 3000;
/** Of the jobs that are processed, those that come before the clock. */
const WARM_PART = 0.25;
const CONCURRENCY = 50;
const LATENCIES = 500;
const SANDBOXED_JOBS = 500;
const SANDBOXES = 2;
const SIZES = [1e3, 1e4, 1e5, ...(flags.million ? [1e6] : [])];
/** Jobs that are added to, and processed of, those that are there. */
const OF_MANY = 1000;

/** Node 20 has no `await using`. */
async function using(resource, work) {
  try {
    return await work(resource);
  } finally {
    await resource[Symbol.asyncDispose]();
  }
}

async function perSecond(count, work) {
  const started = performance.now();
  await work();
  return (count * 1000) / (performance.now() - started);
}

const add = (queue, count, width = CONCURRENCY) => inFlight(width, count, () => queue.add());

/** Jobs per second, of `count` jobs that are there, when the workers have done so many of them that they are warm. */
async function processed(queue, count, concurrency, worker) {
  const warm = queue.completed(count * WARM_PART);
  const all = queue.completed(count);
  return using(await queue.startWorkers(concurrency, worker), async () => {
    await warm;
    return perSecond(count * (1 - WARM_PART), () => all);
  });
}

/** What `once` tells of each contender in some interleaved rounds, in columns. */
async function rounds(contenders, once) {
  const all = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, open] of Object.entries(contenders)) {
      globalThis.gc?.();
      const told = await using(await open(), once);
      // The first one warms up.
      if (round > 0) all[name].push(told);
    }
  }
  return all;
}

const column = (rows, field) => summary(rows.map((row) => row[field]));
const record = {};
const tables = [];
const targets = [];

async function throughput(contenders) {
  const all = await rounds(contenders, async (queue) => ({
    lone: await perSecond(JOBS / 8, () => add(queue, JOBS / 8, 1)),
    wide: await perSecond(JOBS, () => add(queue, JOBS)),
    processed: await processed(queue, JOBS, CONCURRENCY),
  }));
  record.throughput = Object.fromEntries(
    Object.entries(all).map(([name, rows]) => [
      name,
      Object.fromEntries(["lone", "wide", "processed"].map((field) => [field, column(rows, field)])),
    ]),
  );
  const peer = record.throughput.BullMQ;
  const to = (mine, field) => mine[field].median / peer[field].median;
  tables.push({
    title: "No-op jobs (per second)",
    head: [
      ...["queue", "add, 1 in flight", `add, ${CONCURRENCY} in flight`, `process, concurrency ${CONCURRENCY}`],
      ...["least–most", "add to BullMQ's", "process to BullMQ's"],
    ],
    rows: Object.entries(record.throughput).map(([name, it]) => [
      ...[name, digits(it.lone.median), digits(it.wide.median), digits(it.processed.median)],
      `${digits(it.processed.min)}–${digits(it.processed.max)}`,
      ...["wide", "processed"].map((field) => `${digits(to(it, field))}x`),
    ]),
  });
  for (const [name, it] of Object.entries(record.throughput)) {
    if (name === "BullMQ") continue;
    const least = ["embedded", "memory"].includes(name) ? 2 : 0.8;
    targets.push([`${name}: no-op jobs processed, to BullMQ`, atLeast(to(it, "processed"), least)]);
  }
}

async function latency(contenders) {
  record.latency = {};
  const rows = [];
  for (const [name, open] of Object.entries(contenders)) {
    const times = await using(await open(), async (queue) =>
      using(await queue.startWorkers(CONCURRENCY), async () => {
        const all = [];
        await inFlight(1, LATENCIES, async () => {
          const started = performance.now();
          await queue.addAndWait();
          all.push(performance.now() - started);
        });
        // The first ones begin the watch and warm up.
        return all.slice(LATENCIES / 10);
      }),
    );
    const [p50, p99] = [0.5, 0.99].map((part) => percentile(times, part));
    record.latency[name] = { p50, p99 };
    rows.push([name, digits(p50), digits(p99)]);
  }
  tables.push({ title: "From add to completed (ms)", head: ["queue", "p50", "p99"], rows });
}

async function sandboxes(contenders) {
  const kinds = { BullMQ: ["thread", "process"], Redis: ["function", "thread"], embedded: ["thread"] };
  const pairs = Object.entries(kinds).flatMap(([name, workers]) => workers.map((worker) => [name, worker]));
  record.sandboxes = {};
  for (const [name, worker] of pairs) {
    const rates = [];
    for (let round = 0; round < 3; round++) {
      rates.push(
        await using(await contenders[name](), async (queue) => {
          const ready = queue.completed(SANDBOXES * 10);
          return using(await queue.startWorkers(SANDBOXES, worker), async () => {
            // Threads and processes have begun then.
            await add(queue, SANDBOXES * 10);
            await ready;
            return perSecond(SANDBOXED_JOBS, async () => {
              const done = queue.completed(SANDBOXED_JOBS);
              await add(queue, SANDBOXED_JOBS);
              await done;
            });
          });
        }),
      );
    }
    record.sandboxes[`${name}, ${worker}`] = summary(rates);
  }
  tables.push({
    title: `No-op jobs in threads and processes, ${SANDBOXES} at once (per second)`,
    head: ["worker", "jobs", "least–most"],
    rows: Object.entries(record.sandboxes).map(([name, { median, min, max }]) => [
      ...[name, digits(median), `${digits(min)}–${digits(max)}`],
    ]),
  });
}

async function growth(contenders) {
  record.growth = {};
  const rows = [];
  for (const [name, open] of Object.entries(contenders)) {
    record.growth[name] = {};
    for (const size of SIZES) {
      const it = await using(await open(), async (queue) => {
        await add(queue, size, 200);
        const added = await perSecond(OF_MANY, () => add(queue, OF_MANY));
        return { added, processed: await processed(queue, OF_MANY, CONCURRENCY) };
      });
      record.growth[name][size] = it;
      rows.push([name, String(size), digits(it.added), digits(it.processed)]);
    }
  }
  tables.push({
    title: "With many jobs in the queue (per second)",
    head: ["queue", "jobs", `add, ${CONCURRENCY} in flight`, `process, concurrency ${CONCURRENCY}`],
    rows,
  });
}

async function stops(stores) {
  record.cancels = {};
  const rows = [];
  for (const [name, [here, there]] of Object.entries(stores)) {
    for (const [type, what] of [
      ["heedful", "heeds its signal"],
      ["forever", "is ended by force"],
    ]) {
      const times = await cancels(here, there, type);
      const [p50, most] = [percentile(times, 0.5), Math.max(...times)];
      record.cancels[`${name}, ${what}`] = { p50, most };
      rows.push([name, what, digits(p50), digits(most)]);
      targets.push([`${name}: from cancel to stopped, a job that ${what}, at most`, judged(most, 1000, " ms")]);
    }
  }
  tables.push({ title: "From cancel to stopped (ms)", head: ["store", "a job in a thread that", "p50", "most"], rows });
}

const directory = await mkdtemp(join(tmpdir(), "aspen-bench-"));
try {
  await using(await RedisServer.start(["--appendfsync", "everysec"]), async (server) =>
    using(await RedisStore.open({ url: server.url }), async (redis) =>
      using(await RedisStore.open({ url: server.url }), async (secondRedis) =>
        using(await EmbeddedStore.open({ directory }), async (embedded) => {
          const contenders = {
            BullMQ: () => BullQueue.open(server.url),
            "ours, BullMQ engine": () => OurQueue.open(redis, { engine: "bullmq" }),
            Redis: () => OurQueue.open(redis),
            embedded: () => OurQueue.open(embedded),
            memory: () => OurQueue.open(new MemoryStore(), { owned: true }),
          };
          if (wanted("throughput")) await throughput(contenders);
          if (wanted("latency")) await latency(contenders);
          if (wanted("sandboxes")) await sandboxes(contenders);
          if (wanted("growth")) await growth(contenders);
          const stores = { Redis: [redis, secondRedis], embedded: [embedded, embedded] };
          if (wanted("cancels")) await stops(stores);
        }),
      ),
    ),
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}

publish({
  name: "jobs",
  save: flags.save,
  record,
  notes: NOTES,
  tables: [...tables, { title: "Targets", head: ["what", "measured"], rows: targets }],
});
