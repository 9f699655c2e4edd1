import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { EmbeddedReader, EmbeddedStore } from "../src/drivers/embedded/index.js";
import { until } from "../src/testing/until.js";

const gone = { code: "STORE_UNAVAILABLE", message: expect.stringContaining("somebody removed, moved or replaced") };

/** Longer than a store goes on reading without a look. */
const LOOKS_AGAIN_MS = 400;

let base: string;
let directory: string;
let store: EmbeddedStore;
let hash: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "aspen-gone-"));
  directory = join(base, "data");
  store = await EmbeddedStore.open({ directory });
  await store.kv.put("a:1", encodeUtf8("one"), { ttlMs: 600_000 });
  hash = await store.blobs.put(encodeUtf8("a blob"), { reference: "tag" });
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(base, { recursive: true, force: true });
});

/** What somebody does to a directory under a store that has it open. */
const deeds: [string, () => Promise<unknown>][] = [
  ["is removed", () => rm(directory, { recursive: true })],
  ["is moved", () => rename(directory, join(base, "elsewhere"))],
  [
    "is replaced by an empty one",
    async () => {
      await rename(directory, join(base, "elsewhere"));
      await mkdir(directory);
    },
  ],
  [
    "is replaced by a copy",
    async () => {
      await rename(directory, join(base, "elsewhere"));
      await cp(join(base, "elsewhere"), directory, { recursive: true });
    },
  ],
  [
    "is replaced by a file",
    async () => {
      await rm(directory, { recursive: true });
      await writeFile(directory, "");
    },
  ],
  ["loses its key-value file", () => rm(join(directory, "kv"), { recursive: true })],
  ["loses its blobs", () => rm(join(directory, "blobs"), { recursive: true })],
  ["loses its lock", () => rm(join(directory, "lock"))],
];

describe.each(deeds)("a directory that %s under its store", (_name, deed) => {
  test("takes no write any more", async () => {
    await deed();
    const { kv, blobs, maintenance } = store;
    const two = encodeUtf8("two");
    const writes = [
      kv.put("a:1", two),
      kv.put("b:2", two),
      kv.delete("a:1"),
      kv.compareAndSwap("a:1", encodeUtf8("one"), two),
      kv.transact({ checks: [], ops: [{ type: "put", key: "c:1", value: two }] }),
      blobs.put(encodeUtf8("another")),
      blobs.put(encodeUtf8("a blob")),
      blobs.addReference(hash, "x"),
      blobs.delete(hash),
      maintenance.raiseVersion("z:", 7),
    ];
    for (const result of await Promise.allSettled(writes)) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE" } });
    }
    await expect(kv.put("a:1", two)).rejects.toMatchObject(gone);
  });

  test("gives no answer any more", async () => {
    using reader = await EmbeddedReader.open({ directory });
    const piece = (await store.blobs.get(hash))[Symbol.asyncIterator]();
    await deed();
    await delay(LOOKS_AGAIN_MS);
    const { kv, blobs } = store;
    const reads = [
      kv.get("a:1"),
      kv.getMany(["a:1"]),
      kv.scan({ prefix: "a:" }),
      blobs.has(hash),
      blobs.get(hash),
      blobs.list()[Symbol.asyncIterator]().next(),
      blobs.references(hash),
      blobs.collectGarbage(),
      kv.watch("a:")[Symbol.asyncIterator]().next(),
    ];
    for (const result of await Promise.allSettled(reads)) expect(result).toMatchObject({ reason: gone });
    expect(() => reader.get("a:1")).toThrow(expect.objectContaining(gone));
    expect(() => reader.getMany(["a:1"])).toThrow(expect.objectContaining(gone));
    expect(() => reader.scan({ prefix: "a:" })).toThrow(expect.objectContaining(gone));
    await piece.return?.();
  });
});

describe("a directory that is gone", () => {
  test("serves again when it is brought back", async () => {
    await rename(directory, join(base, "elsewhere"));
    await expect(store.kv.put("a:1", encodeUtf8("two"))).rejects.toMatchObject(gone);
    await expect(store.kv.get("a:1")).rejects.toMatchObject(gone);
    await rename(join(base, "elsewhere"), directory);
    await store.kv.put("a:2", encodeUtf8("two"));
    expect(decodeUtf8((await store.kv.get("a:2"))!.value)).toBe("two");
    expect(decodeUtf8(await store.blobs.read(hash, 100))).toBe("a blob");
  });

  test("does not take an upload that began before", async () => {
    async function* upload() {
      yield encodeUtf8("begun");
      await rm(directory, { recursive: true });
      yield encodeUtf8("ended");
    }
    await expect(store.blobs.put(upload())).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  test("leaves the store alone that took its place, also at its end", async () => {
    await rename(directory, join(base, "elsewhere"));
    await using other = await EmbeddedStore.open({ directory });
    let proceed = () => {};
    const waiting = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    async function* upload() {
      yield encodeUtf8("begun");
      await waiting;
      yield encodeUtf8(" and ended");
    }
    const put = other.blobs.put(upload());
    await until("the upload began", async () => (await readdir(join(directory, "uploads"))).length === 1);
    await store[Symbol.asyncDispose]();
    expect(await readdir(join(directory, "uploads"))).toHaveLength(1);
    proceed();
    expect(decodeUtf8(await other.blobs.read(await put, 100))).toBe("begun and ended");
  });

  test("is told of once, also while nobody asks", async () => {
    const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
    try {
      await rename(directory, join(base, "elsewhere"));
      await until("a warning", async () => warn.mock.calls.length > 0);
      // Longer than from one sweep to the next but one.
      await delay(2500);
      expect(warn.mock.calls.map(([text]) => text)).toEqual([
        expect.stringContaining("somebody removed, moved or replaced"),
      ]);
    } finally {
      warn.mockRestore();
    }
  });

  test("is noticed when a volume goes or another takes its place", () => {
    const script = fileURLToPath(new URL("./lock/volume.mjs", import.meta.url));
    const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
    const child = spawnSync("unshare", [...user, "--mount", process.execPath, script, base], {
      encoding: "utf8",
      timeout: 60_000,
    });
    expect([child.stderr, child.stdout.trim().split("\n")]).toEqual([
      "",
      ["over STORE_UNAVAILABLE", "back ok", "unmounted STORE_UNAVAILABLE", "kept true"],
    ]);
  });
});
