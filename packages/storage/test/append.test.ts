import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@aspen/plugin-api";
import { afterAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { MemoryStore } from "../src/drivers/memory/index.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import { appendedKey, appendValue, type KeyValueStore, type Op, type Store } from "../src/index.js";
import { RedisCluster, RedisServer } from "../src/testing/index.js";
import { scanAll } from "../src/testing/reading.js";

const RUNS = Number(process.env.ASPEN_RUNS ?? 20);
const CLIENTS = 3;

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "aspen-append-"));
  folders.push(path);
  return path;
}

/** What a transaction does, in this order: append to one of two logs, or write or delete another key. */
const op = fc.constantFrom("a", "b", "put", "delete");
const transaction = fc.array(op, { minLength: 1, maxLength: 4 });
/** The transactions of each client, one after the other; clients work at once. */
const clients = fc.array(fc.array(transaction, { maxLength: 8 }), { minLength: CLIENTS, maxLength: CLIENTS });

interface Committed {
  start: number;
  end: number;
  version: number;
  appended: string[];
}

function opOf(ns: string, kind: string): Op {
  if (kind === "put") return { type: "put", key: `${ns}data`, value: encodeUtf8("1") };
  if (kind === "delete") return { type: "delete", key: `${ns}data` };
  return { type: "append", prefix: `${ns}${kind}:`, value: encodeUtf8(kind) };
}

/** Follows a prefix until `done` resolves and everything up to its version is told. */
async function followed(kv: KeyValueStore, prefix: string, done: Promise<number>): Promise<string[]> {
  const told: string[] = [];
  const controller = new AbortController();
  let end = Number.POSITIVE_INFINITY;
  let at = 0;
  const look = () => at >= end && controller.abort();
  const ended = done.then((version) => {
    end = version;
    look();
  });
  for await (const event of kv.watch(prefix, { signal: controller.signal })) {
    if (event.type === "entry" || event.type === "put") told.push(event.key);
    if (event.type !== "entry") at = event.version;
    look();
  }
  await ended;
  return told;
}

let namespaces = 0;

async function check(kvs: readonly KeyValueStore[], plan: readonly (readonly string[][])[]): Promise<void> {
  namespaces += 1;
  const ns = `append-${namespaces}:`;
  const before = await appendValue(kvs[0]!, `${ns}a:`, encodeUtf8("before"));
  let finish!: (version: number) => void;
  const done = new Promise<number>((resolve) => {
    finish = resolve;
  });
  const following = followed(kvs.at(-1)!, `${ns}a:`, done);
  try {
    const all = (await Promise.all(plan.map((transactions, client) => perform(kvs[client]!, ns, transactions)))).flat();
    // The last change of the prefix, behind everything else.
    const last = await appendValue(kvs[0]!, `${ns}a:`, encodeUtf8("last"));
    finish(last.version);
    const committed = inOrder(all).flatMap(({ appended }) => appended);
    const [a, b] = ["a", "b"].map((log) => committed.filter((key) => key.startsWith(`${ns}${log}:`))) as [
      string[],
      string[],
    ];
    const wanted = [before.key, ...a, last.key];
    expect(await scanAll(kvs[0]!, { prefix: `${ns}a:`, limit: 3 })).toEqual(wanted);
    expect(await scanAll(kvs[0]!, { prefix: `${ns}b:`, limit: 3 })).toEqual(b);
    expect(await following).toEqual(wanted);
  } finally {
    // When something failed, the follower ends at once.
    finish(0);
  }
}

/** Runs transactions one after the other; the answer must name each append by its version and its place. */
async function perform(kv: KeyValueStore, ns: string, transactions: readonly string[][]): Promise<Committed[]> {
  const committed: Committed[] = [];
  for (const kinds of transactions) {
    const start = performance.now();
    const result = await kv.transact({ checks: [], ops: kinds.map((kind) => opOf(ns, kind)) });
    if (!result.ok) throw new Error("a transaction without checks failed one");
    const { version, appended } = result;
    committed.push({ start, end: performance.now(), version, appended });
    const places = kinds.flatMap((kind, place) => (kind === "a" || kind === "b" ? [{ kind, place }] : []));
    expect(appended).toEqual(places.map(({ kind, place }) => appendedKey(`${ns}${kind}:`, version, place)));
  }
  return committed;
}

/** By version; nothing that had ended when another began may have the greater one. */
function inOrder(all: readonly Committed[]): Committed[] {
  const sorted = [...all].sort((one, other) => one.version - other.version);
  expect(new Set(sorted.map(({ version }) => version)).size).toBe(sorted.length);
  let latestStart = Number.NEGATIVE_INFINITY;
  for (const { start, end } of sorted) {
    expect(end).toBeGreaterThanOrEqual(latestStart);
    latestStart = Math.max(latestStart, start);
  }
  return sorted;
}

const property = (kvs: readonly KeyValueStore[]) =>
  fc.assert(
    fc.asyncProperty(clients, (plan) => check(kvs, plan)),
    { numRuns: RUNS, seed: 20_260_301 },
  );

async function onConnections(open: () => Promise<Store>): Promise<void> {
  const stores = await Promise.all(Array.from({ length: CLIENTS }, open));
  try {
    await property(stores.map(({ kv }) => kv));
  } finally {
    for (const store of stores) await store[Symbol.asyncDispose]();
  }
}

describe("keys of appends are in the order of the commits, and a follower is told each once", () => {
  test("in memory", async () => {
    await using store = new MemoryStore();
    await property(Array(CLIENTS).fill(store.kv));
  });

  test("on LMDB", async () => {
    await using store = await EmbeddedStore.open({ directory: await folder(), durability: "relaxed" });
    await property(Array(CLIENTS).fill(store.kv));
  });

  test("on Redis, of several connections", async () => {
    await using server = await RedisServer.start();
    await onConnections(() => RedisStore.open({ url: server.url }));
  });

  test("on a Redis Cluster, of several connections", async () => {
    await using cluster = await RedisCluster.start();
    await onConnections(() => RedisStore.open({ url: cluster.url }));
  });
});

describe("appends after a restart come after those from before, also when nothing is left of them", () => {
  const value = encodeUtf8("1");
  /** Appends and deletes, with a store that is opened anew each time. */
  async function restarted(open: () => Promise<Store>, between: () => Promise<void>): Promise<void> {
    const keys: string[] = [];
    for (let round = 0; round < 3; round++) {
      {
        await using store = await open();
        expect(await scanAll(store.kv, { prefix: "r:" })).toEqual([]);
        for (let i = 0; i < 20; i++) keys.push((await appendValue(store.kv, "r:log:", value)).key);
        expect(await scanAll(store.kv, { prefix: "r:" })).toEqual(keys.slice(-20));
        for (const key of keys.slice(-20)) await store.kv.delete(key);
      }
      await between();
    }
    expect(keys).toEqual([...new Set(keys)].sort());
  }

  test("on LMDB", async () => {
    const directory = await folder();
    await restarted(
      () => EmbeddedStore.open({ directory }),
      async () => {},
    );
  });

  test("on Redis, of a server that is killed", async () => {
    await using server = await RedisServer.start();
    await restarted(
      () => RedisStore.open({ url: server.url }),
      async () => {
        await server.stop("SIGKILL");
        await server.start();
      },
    );
  });
});
