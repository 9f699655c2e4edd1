import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { MemoryStore } from "../src/drivers/memory/index.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import { appendValue, type Store } from "../src/index.js";
import { verifyStore } from "../src/maintenance/index.js";
import { RedisServer } from "../src/testing/index.js";
import { scanAll } from "../src/testing/reading.js";
import { encodeEnd, encodeEntry, encodeNamespace, encodeRecord, number } from "../src/transfer/export-format.js";
import { type ExportSummary, exportStore, type ImportOptions, importStore } from "../src/transfer/index.js";

const { blake3 } = createRequire(import.meta.url)("@napi-rs/blake-hash") as typeof import("@napi-rs/blake-hash");
const IMPORTER = fileURLToPath(new URL("./kill/importer.mjs", import.meta.url));

let directory: string;
let server: RedisServer;
let names = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-export-"));
  server = await RedisServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

function path(name: string): string {
  names += 1;
  return join(directory, `${name}-${names}`);
}

const embedded = () => EmbeddedStore.open({ directory: path("store"), durability: "relaxed" });
const redis = () => RedisStore.open({ url: server.url, keyPrefix: path("p").replaceAll("/", "-") });

async function exported(store: Store): Promise<{ file: string; summary: ExportSummary }> {
  const file = path("file");
  let summary: ExportSummary | undefined;
  const onSummary = (made: ExportSummary) => {
    summary = made;
  };
  await pipeline(Readable.from(exportStore(store, { onSummary })), createWriteStream(file));
  return { file, summary: summary! };
}

/** Keys with values and expiries, and blobs; all that a move keeps. */
async function contents(store: Store) {
  const entries: [string, string, number][] = [];
  for await (const { key, value, expiresAt } of store.maintenance!.entries()) {
    entries.push([key, Buffer.from(value).toString("base64"), expiresAt]);
  }
  const blobs: [string, number][] = [];
  for await (const { hash, size } of store.blobs.list()) blobs.push([hash, size]);
  const order = ([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b));
  return { entries: entries.sort(order), blobs: blobs.sort(order) };
}

async function versions(store: Store): Promise<Map<string, number>> {
  const all = new Map<string, number>();
  for await (const { namespace, version } of store.maintenance!.namespaces()) all.set(namespace, version);
  return all;
}

async function findings(store: Store): Promise<string[]> {
  const found: string[] = [];
  for await (const { kind, severity } of verifyStore(store)) if (severity === "damage") found.push(kind);
  return found;
}

async function filled(store: Store): Promise<Store> {
  for (let i = 0; i < 30; i++) await store.kv.put(`n${i % 3}:${i}`, encodeUtf8(`value ${i}`));
  await store.kv.put("n0:ttl", encodeUtf8("1"), { ttlMs: 3_600_000 });
  await store.kv.delete("n1:1");
  await store.blobs.put(encodeUtf8("small"));
  await store.blobs.put(Buffer.alloc(2_500_000, "big "));
  return store;
}

const key = fc.oneof(
  fc.constantFrom("a", "a:1", "a:2", "ab:", "__plugin:x:1", "__plugin:", "ż:\u{10FFFF}", "\u0000:", "\uFEFFk"),
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).filter((text) => !/\p{Surrogate}/u.test(text)),
);
const random = fc.record({
  entries: fc.array(
    fc.record({ key, value: fc.uint8Array({ maxLength: 300 }), ttl: fc.option(fc.integer({ min: 100_000 })) }),
    { maxLength: 40 },
  ),
  blobs: fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 4 }),
});

describe("export and import", () => {
  test("from embedded to Redis and back nothing changes, and no version is given again", async () => {
    await fc.assert(
      fc.asyncProperty(random, async ({ entries, blobs }) => {
        await using first = await embedded();
        for (const { key, value, ttl } of entries) await first.kv.put(key, value, ttl === null ? {} : { ttlMs: ttl });
        for (const blob of blobs) await first.blobs.put(blob);
        const { file, summary } = await exported(first);
        await using second = await redis();
        expect(await importStore(second, file)).toMatchObject({
          entries: summary.entries,
          blobs: summary.blobs,
          expired: 0,
          resumed: false,
        });
        await using third = await embedded();
        await importStore(third, (await exported(second)).file);
        const wanted = await contents(first);
        expect(await contents(second)).toEqual(wanted);
        expect(await contents(third)).toEqual(wanted);
        const [one, two, three] = [await versions(first), await versions(second), await versions(third)];
        for (const [namespace, version] of one) {
          expect(two.get(namespace)).toBeGreaterThanOrEqual(version);
          expect(three.get(namespace)).toBeGreaterThanOrEqual(two.get(namespace)!);
        }
        expect([await findings(second), await findings(third)]).toEqual([[], []]);
      }),
      { numRuns: Number(process.env.ASPEN_RUNS ?? 15), seed: 7 },
    );
  });

  test("large values, many keys and a large blob; a signal ends it at any time", async () => {
    await using store = new MemoryStore();
    const big = Buffer.alloc(1024 * 1024, "x");
    for (let i = 0; i < 12; i++) await store.kv.put(`big:${i}`, big);
    await Promise.all(Array.from({ length: 3000 }, (_, i) => store.kv.put(`key${i}`, encodeUtf8(String(i)))));
    await store.blobs.put(Buffer.alloc(9_000_001, "blob"));
    const { file, summary } = await exported(store);
    expect(summary).toMatchObject({ entries: 3012, blobs: 1, blobBytes: 9_000_001, namespaces: 3001 });
    expect(summary.bytes).toBe((await readFile(file)).length);
    for (const open of [embedded, redis]) {
      await using target = await open();
      const seen: number[] = [];
      await importStore(target, file, {
        onProgress: ({ phase, done, total }) => {
          expect(done).toBeLessThanOrEqual(total!);
          if (phase === "importing") seen.push(done);
        },
      });
      expect(seen.length).toBeGreaterThan(0);
      expect(await contents(target)).toEqual(await contents(store));
    }
    await expect(exported({ ...store, maintenance: undefined } as never)).rejects.toMatchObject({
      code: "INVALID_PARAMS",
    });
    const cut = async (at: number) => {
      const controller = new AbortController();
      let bytes = 0;
      for await (const part of exportStore(store, { signal: controller.signal })) {
        bytes += part.length;
        if (bytes >= at) controller.abort();
      }
    };
    for (const at of [1, 20_000]) await expect(cut(at)).rejects.toMatchObject({ code: "CANCELLED" });
    await using target = await embedded();
    for (const phase of ["reading", "importing"]) {
      const controller = new AbortController();
      const options: ImportOptions = {
        signal: controller.signal,
        onProgress: (progress) => progress.phase === phase && controller.abort(),
      };
      await expect(importStore(target, file, options)).rejects.toMatchObject({ code: "CANCELLED" });
      expect(await findings(target)).toEqual(phase === "reading" ? [] : ["import-unfinished"]);
    }
    expect(await importStore(target, file)).toMatchObject({ resumed: true });
    expect(await findings(target)).toEqual([]);
  });

  test("an export of a store that is written to has what nobody wrote meanwhile, and can be imported", async () => {
    for (const open of [embedded, redis]) {
      await using store = await open();
      await Promise.all(Array.from({ length: 1200 }, (_, i) => store.kv.put(`still:${i}`, Buffer.alloc(200, `${i} `))));
      let writing = true;
      const writer = (async () => {
        for (let i = 0; writing; i++) {
          const key = `moving:${i % 700}`;
          await (i % 3 === 0 ? store.kv.delete(key) : store.kv.put(key, encodeUtf8(`moving:${i % 700} ${i}`)));
        }
      })();
      const files: string[] = [];
      for (let round = 0; round < 3; round++) files.push((await exported(store)).file);
      writing = false;
      await writer;
      for (const file of files) {
        await using target = await redis();
        await importStore(target, file);
        const { entries } = await contents(target);
        expect(entries.filter(([key]) => key.startsWith("still:"))).toHaveLength(1200);
        for (const [key, value] of entries) {
          const text = Buffer.from(value, "base64").toString();
          expect(key.startsWith("still:") ? text.startsWith(key.slice(6)) : text.startsWith(`${key} `)).toBe(true);
        }
        expect(await findings(target)).toEqual([]);
      }
    }
  });

  test("references of blobs go along", async () => {
    await using source = await embedded();
    const hash = await source.blobs.put(encodeUtf8("wanted"));
    const other = await source.blobs.put(encodeUtf8("wanted by nobody"));
    for (const tag of ["plugin:ż", "plugin:hello"]) await source.blobs.addReference(hash, tag);
    const { file } = await exported(source);
    for (const open of [embedded, redis]) {
      await using target = await open();
      // A tag that is there already stays.
      expect(await target.blobs.put(encodeUtf8("wanted"), { reference: "mine" })).toBe(hash);
      await importStore(target, file, { merge: true });
      expect(await target.blobs.references(hash)).toEqual(["mine", "plugin:hello", "plugin:ż"]);
      expect(await target.blobs.references(other)).toEqual([]);
    }
  });

  test("the longest time to live is kept", async () => {
    await using store = await embedded();
    await store.kv.put("a:1", encodeUtf8("1"), { ttlMs: Number.MAX_SAFE_INTEGER - Date.now() - 60_000 });
    await using target = await redis();
    await importStore(target, (await exported(store)).file);
    expect(await contents(target)).toEqual(await contents(store));
    expect(await findings(target)).toEqual([]);
  });

  test("what expires on the way is not there any more", async () => {
    await using store = new MemoryStore();
    await store.kv.put("a:1", encodeUtf8("1"), { ttlMs: 300 });
    await store.kv.put("a:2", encodeUtf8("1"));
    const { file } = await exported(store);
    await new Promise((resolve) => setTimeout(resolve, 350));
    for (const open of [embedded, redis]) {
      await using target = await open();
      expect(await importStore(target, file)).toMatchObject({ entries: 1, expired: 1 });
      expect((await contents(target)).entries.map(([key]) => key)).toEqual(["a:2"]);
    }
  });

  test("a store that holds something is refused; a merge replaces what has the same name and keeps the rest", async () => {
    await using source = await filled(new MemoryStore());
    const { file } = await exported(source);
    for (const open of [embedded, redis]) {
      await using target = await open();
      await target.kv.put("n0:0", encodeUtf8("mine"));
      await target.kv.put("own:1", encodeUtf8("mine"));
      await expect(importStore(target, file)).rejects.toMatchObject({ code: "STORE_NOT_EMPTY" });
      expect((await contents(target)).entries).toHaveLength(2);
      await importStore(target, file, { merge: true });
      expect(Buffer.from((await target.kv.get("n0:0"))!.value).toString()).toBe("value 0");
      expect(Buffer.from((await target.kv.get("own:1"))!.value).toString()).toBe("mine");
      await using other = await open();
      await other.blobs.put(encodeUtf8("a blob"));
      await expect(importStore(other, file)).rejects.toMatchObject({ code: "STORE_NOT_EMPTY" });
    }
  });

  test("versions go on above those of the exported store", async () => {
    await using source = new MemoryStore();
    for (let i = 0; i < 50; i++) await source.kv.put("a:1", encodeUtf8(String(i)));
    await source.kv.put("gone:1", encodeUtf8("1"));
    await source.kv.delete("gone:1");
    const { file } = await exported(source);
    for (const open of [embedded, redis]) {
      await using target = await open();
      await importStore(target, file);
      expect((await target.kv.get("a:1"))!.version).toBeGreaterThan(50);
      expect(await target.kv.put("gone:1", encodeUtf8("2"))).toBe(3);
    }
  });

  test("appended entries keep their keys, and later appends come after them", async () => {
    await using first = await embedded();
    const log = (store: Store, value: string) => appendValue(store.kv, "log:", encodeUtf8(value));
    const keys = [(await log(first, "1")).key, (await log(first, "2")).key];
    // The newest is gone: the version of the namespace is above those of its entries.
    await first.kv.delete((await log(first, "gone")).key);
    let from: Store = first;
    await using second = await redis();
    await using third = new MemoryStore();
    for (const store of [second, third]) {
      await importStore(store, (await exported(from)).file);
      expect(await scanAll(store.kv, { prefix: "log:" })).toEqual(keys);
      keys.push((await log(store, "next")).key);
      expect(await scanAll(store.kv, { prefix: "log:" })).toEqual([...new Set(keys)].sort());
      from = store;
    }
  });

  test("a file that was changed at any place, or cut at any, is refused and nothing is written", async () => {
    await using source = await filled(new MemoryStore());
    const whole = await readFile((await exported(source)).file);
    await using target = await embedded();
    const refuse = async (bytes: Uint8Array) => {
      const file = path("bad");
      await writeFile(file, bytes);
      await expect(importStore(target, file)).rejects.toMatchObject({ code: "EXPORT_INVALID" });
      await rm(file);
    };
    const step = Math.ceil(whole.length / 150);
    const places = [...Array(13).keys(), ...[...Array(60).keys()].map((i) => whole.length - 1 - i)];
    for (let at = 13; at < whole.length; at += step) places.push(at);
    for (const at of places) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 1;
      await refuse(changed);
      await refuse(whole.subarray(0, at));
    }
    await refuse(Buffer.concat([whole, Buffer.from("more")]));
    expect(await contents(target)).toEqual({ entries: [], blobs: [] });
    expect(await findings(target)).toEqual([]);
    await expect(importStore(target, join(directory, "none"))).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    await expect(importStore(target, directory)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  });

  test("a file with a right checksum and wrong records is refused and nothing is written", async () => {
    await using source = await filled(new MemoryStore());
    const whole = await readFile((await exported(source)).file);
    const ends = [0, 1, 2].map((at) => Number(whole.readBigUInt64LE(whole.length - 56 + 8 * at)));
    const sections = [12, ...ends].slice(0, 3).map((start, at) => gunzipSync(whole.subarray(start, ends[at])));
    const made = (change: (Buffer | null)[], raw = false): Buffer => {
      const parts = sections.map((section, at) => {
        const bytes = change[at] ?? section;
        return raw && change[at] ? bytes : gzipSync(bytes);
      });
      let end = 12;
      const tail = parts.map((part) => {
        end += part.length;
        return number(end);
      });
      const body = Buffer.concat([whole.subarray(0, 12), ...parts, ...tail]);
      return Buffer.concat([body, blake3(body)]);
    };
    await using target = await redis();
    const entry = (key: string, value = encodeUtf8("1"), version = 1, expiresAt = 0) =>
      encodeEntry({ key, value, version, expiresAt });
    const list = (...records: Buffer[]) => Buffer.concat([...records, encodeEnd(records.length)]);
    const blob = (hash: Buffer, size: number) => encodeRecord(2, hash, number(size));
    const hash = blake3(Buffer.from("x"));
    const long = entry("a:1");
    long.writeUInt32LE(0xffffffff, 1);
    const keyLength = entry("a:1");
    keyLength.writeUInt16LE(60_000, 5 + 16);
    const bad: (Buffer | null)[][] = [
      [list(entry(""))],
      [list(entry("x".repeat(1024), encodeUtf8("1")), Buffer.from([1, 4, 0, 0, 0, 1, 2, 3, 4]))],
      [list(entry("__sys:import"))],
      [list(encodeRecord(1, Buffer.concat([number(1), number(0), Buffer.from([1, 0, 0xff]), Buffer.from("v")])))],
      [list(encodeRecord(1, Buffer.concat([Buffer.alloc(8, 0xff), number(0), Buffer.from([1, 0, 0x61])])))],
      [list(long)],
      [list(keyLength)],
      [list(encodeNamespace("a:", 1))],
      [Buffer.concat([entry("a:1"), encodeEnd(2)])],
      [Buffer.concat([entry("a:1"), encodeEnd(0)])],
      [Buffer.concat([list(entry("a:1")), entry("a:2")])],
      [entry("a:1")],
      [list(Buffer.from([99, 0, 0, 0, 0]))],
      [Buffer.concat([list(entry("a:1")), Buffer.from([1, 2])])],
      [null, list(encodeRecord(3, Buffer.from("x")))],
      [null, list(blob(hash, 1), encodeRecord(3, Buffer.from("y")))],
      [null, list(blob(hash, 2), encodeRecord(3, Buffer.from("x")))],
      [null, list(blob(hash, 0), encodeRecord(3, Buffer.from("x")))],
      [null, list(blob(hash, 1))],
      [null, list(blob(hash.subarray(1), 1), encodeRecord(3, Buffer.from("x")))],
      [
        null,
        list(blob(hash, 1), encodeRecord(3, Buffer.from("x")), encodeRecord(4, Buffer.from([0xff])), entry("a:1")),
      ],
      [null, null, list(encodeNamespace("a:b", 1))],
      [null, null, list(encodeNamespace("", 1))],
      [null, null, list(encodeNamespace("a:", Number.MAX_SAFE_INTEGER))],
      [null, null, list(encodeNamespace("a:", 2 ** 52 + 1))],
      [null, null, list(encodeRecord(5, Buffer.from("abc")))],
    ];
    for (const [at, change] of bad.entries()) {
      const file = path("wrong");
      await writeFile(file, made(change));
      await expect(importStore(target, file).then(() => `no ${at} was imported`)).rejects.toMatchObject({
        code: "EXPORT_INVALID",
      });
    }
    const file = path("raw");
    await writeFile(file, made([Buffer.from("this is no gzip")], true));
    await expect(importStore(target, file)).rejects.toMatchObject({ code: "EXPORT_INVALID" });
    expect(await contents(target)).toEqual({ entries: [], blobs: [] });
    await writeFile(file, made([]));
    await importStore(target, file);
    expect(await contents(target)).toEqual(await contents(source));
  });

  test("an import that is killed is noticed, and the same file can be imported again", async () => {
    await using source = new MemoryStore();
    for (let i = 0; i < 3000; i++) await source.kv.put(`key${i}`, Buffer.alloc(500, `${i}`));
    for (let i = 0; i < 20; i++) await source.blobs.put(Buffer.alloc(100_000, `blob ${i}`));
    const { file } = await exported(source);
    const other = await exported(await filled(new MemoryStore()));
    const prefix = path("killed").replaceAll("/", "-");
    const targets = [
      { name: "embedded", where: path("killed"), open: (where: string) => EmbeddedStore.open({ directory: where }) },
      { name: "redis", where: prefix, open: (where: string) => RedisStore.open({ url: server.url, keyPrefix: where }) },
    ];
    for (const { name, where, open } of targets) {
      for (const blobs of [2, 10]) {
        const child = spawn(process.execPath, [IMPORTER, name, where, file, String(blobs), server.url], {
          stdio: ["ignore", "ignore", "inherit"],
        });
        const [code, signal] = await once(child, "close");
        expect([code, signal]).toEqual([null, "SIGKILL"]);
        await using store = await open(where);
        expect(await findings(store)).toEqual(["import-unfinished"]);
        await expect(exported(store)).rejects.toMatchObject({ code: "STORE_INCONSISTENT" });
        await expect(importStore(store, other.file)).rejects.toMatchObject({ code: "STORE_INCONSISTENT" });
      }
      await using store = await open(where);
      expect(await importStore(store, file)).toMatchObject({ resumed: true, entries: 3000, blobs: 20 });
      expect(await contents(store)).toEqual(await contents(source));
      expect(await findings(store)).toEqual([]);
    }
  });
});
