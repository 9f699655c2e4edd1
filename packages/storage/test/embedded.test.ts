import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { EmbeddedReader, EmbeddedStore } from "../src/drivers/embedded/index.js";
import { testStore } from "../src/testing/index.js";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-embedded-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

testStore({ describe, test }, { name: "embedded", open: () => EmbeddedStore.open({ directory }) });

describe("embedded store", () => {
  test("keeps everything from one opening to the next", async () => {
    const path = join(directory, "reopened");
    let hash: string;
    {
      await using store = await EmbeddedStore.open({ directory: path });
      await store.kv.put("a:1", encodeUtf8("kept"));
      hash = await store.blobs.put(encodeUtf8("a blob"));
    }
    await using store = await EmbeddedStore.open({ directory: path });
    expect(decodeUtf8((await store.kv.get("a:1"))!.value)).toBe("kept");
    expect(decodeUtf8(await store.blobs.read(hash, 100))).toBe("a blob");
  });

  test("a process that is killed loses nothing that it was told is written", async () => {
    const path = join(directory, "killed");
    const script = `
      const { EmbeddedStore } = await import("@aspen/storage/embedded");
      const store = await EmbeddedStore.open({ directory: ${JSON.stringify(path)} });
      for (let i = 0; ; i++) {
        await Promise.all([store.kv.put("k:" + i, new TextEncoder().encode("v" + i)), store.blobs.put(new TextEncoder().encode("b" + i))]);
        process.stdout.write(i + "\\n");
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.split("\n").length > 30) child.kill("SIGKILL");
    });
    await once(child, "close");
    const acknowledged = Number(output.trimEnd().split("\n").at(-1));
    expect(acknowledged).toBeGreaterThanOrEqual(29);
    await using store = await EmbeddedStore.open({ directory: path });
    for (let i = 0; i <= acknowledged; i++) expect(decodeUtf8((await store.kv.get(`k:${i}`))!.value)).toBe(`v${i}`);
    let blobs = 0;
    for await (const { hash } of store.blobs.list()) {
      await store.blobs.read(hash, 100);
      blobs += 1;
    }
    expect(blobs).toBeGreaterThan(acknowledged);
    expect(await readdir(join(path, "uploads"))).toEqual([]);
  });

  test("a reader sees what was committed before it refreshed", async () => {
    const path = join(directory, "read");
    await using store = await EmbeddedStore.open({ directory: path });
    await store.kv.put("a:1", encodeUtf8("one"));
    using reader = await EmbeddedReader.open({ directory: path });
    expect(decodeUtf8(reader.get("a:1")!.value)).toBe("one");
    await store.kv.put("a:1", encodeUtf8("two"));
    await store.kv.put("a:2", encodeUtf8("new"), { ttlMs: 60_000 });
    reader.refresh();
    expect(reader.getMany(["a:1", "a:2", "a:3"]).map((entry) => entry && decodeUtf8(entry.value))).toEqual([
      "two",
      "new",
      null,
    ]);
    expect(reader.scan({ prefix: "a:", limit: 1 })).toMatchObject({
      entries: [{ key: "a:1" }],
      cursor: expect.any(String),
    });
    expect(() => reader.get("")).toThrow(expect.objectContaining({ code: "KV_KEY_INVALID" }));
  });

  test("a blob whose file was changed is corrupt", async () => {
    const path = join(directory, "corrupt");
    await using store = await EmbeddedStore.open({ directory: path });
    const hash = await store.blobs.put(encodeUtf8("the truth"));
    const folder = join(path, "blobs", hash.slice(0, 2));
    await writeFile(join(folder, (await readdir(folder))[0]!), "the trvth");
    await expect(store.blobs.read(hash, 100)).rejects.toMatchObject({ code: "BLOB_CORRUPT" });
  });

  test("files that are no blobs any more are collected, and those of others left alone", async () => {
    const path = join(directory, "leftovers");
    await using store = await EmbeddedStore.open({ directory: path });
    const kept = await store.blobs.put(encodeUtf8("kept"));
    const blobs = join(path, "blobs");
    const folder = join(blobs, kept.slice(0, 2));
    // A process was killed between the file and its record, or the other way round.
    await writeFile(join(folder, `${kept}.${randomUUID()}`), "kept");
    await writeFile(join(folder, `${kept.slice(0, 63)}0.${randomUUID()}`), "gone");
    await writeFile(join(folder, "notes.txt"), "");
    await writeFile(join(blobs, "README"), "");
    expect((await store.blobs.collectGarbage({ dryRun: true })).leftovers).toBe(2);
    expect(await store.blobs.collectGarbage()).toEqual({ blobs: 0, bytes: 0, leftovers: 2 });
    expect((await readdir(folder)).length).toBe(2);
    expect(await readdir(blobs)).toContain("README");
    expect(decodeUtf8(await store.blobs.read(kept, 100))).toBe("kept");
  });

  test("a directory that cannot be made is refused", async () => {
    const file = join(directory, "a-file");
    await writeFile(file, "");
    await expect(EmbeddedStore.open({ directory: join(file, "store") })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
  });

  test("a closed store refuses", async () => {
    const store = await EmbeddedStore.open({ directory: join(directory, "closed") });
    await store[Symbol.asyncDispose]();
    await expect(store.kv.get("a:1")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(store.kv.put("a:1", encodeUtf8(""))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await store[Symbol.asyncDispose]();
  });

  test("a directory belongs to one store at a time", async () => {
    const path = join(directory, "shared");
    const opened = await Promise.allSettled(Array.from({ length: 8 }, () => EmbeddedStore.open({ directory: path })));
    const stores = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(stores).toHaveLength(1);
    for (const result of opened) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "STORE_UNAVAILABLE" });
    }
    await expect(EmbeddedStore.open({ directory: path })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining(`process ${process.pid}`),
    });
    // The one that has it is none the worse for the others.
    await stores[0]!.blobs.put(encodeUtf8("still works"));
    await stores[0]![Symbol.asyncDispose]();
    await using again = await EmbeddedStore.open({ directory: path });
    await again.kv.put("a:1", encodeUtf8("1"));
    expect((await readdir(path)).filter((name) => name.startsWith("lock"))).toEqual(["lock"]);
  });

  test("a full disk refuses writes, and only those; what is deleted makes room", async () => {
    const filler = fileURLToPath(new URL("./kill/filler.mjs", import.meta.url));
    const path = join(directory, "full");
    // Files of at most 4 MiB, in units of 1 KiB (bash).
    const child = spawnSync("bash", ["-c", 'ulimit -f 4096; exec "$0" "$@"', process.execPath, filler, path], {
      encoding: "utf8",
      timeout: 60_000,
    });
    expect([child.status, child.stderr.includes("Unhandled")]).toEqual([0, false]);
    const { stored, readable, ...codes } = JSON.parse(child.stdout);
    expect(stored).toBeGreaterThan(5);
    expect(readable).toBe(stored);
    expect(codes).toEqual({ refused: "STORE_UNAVAILABLE", blob: "STORE_UNAVAILABLE", deleted: "ok", again: "ok" });
    await using store = await EmbeddedStore.open({ directory: path });
    expect((await store.kv.scan({ prefix: "a:", keysOnly: true })).entries).toHaveLength(stored - 5 + 1);
  });

  test("a data file that was cut short is whole or refused, and never ends the process", async () => {
    const path = join(directory, "cut");
    const file = join(path, "kv", "data.mdb");
    {
      await using store = await EmbeddedStore.open({ directory: path });
      for (let i = 0; i < 40; i++) await store.kv.put(`a:${i}`, new Uint8Array(i * 500).fill(i));
      for (let i = 0; i < 40; i += 3) await store.kv.delete(`a:${i}`);
    }
    const whole = await readFile(file);
    let refused = 0;
    for (let length = whole.length - 4096; length > 0; length -= 4096 * 5 + 77) {
      await writeFile(file, whole.subarray(0, length));
      try {
        await using store = await EmbeddedStore.open({ directory: path });
        for (let i = 0; i < 40; i++) {
          const entry = await store.kv.get(`a:${i}`);
          expect(entry?.value ?? null).toEqual(i % 3 === 0 ? null : new Uint8Array(i * 500).fill(i));
        }
      } catch (error) {
        expect(error).toMatchObject({
          code: "STORE_UNAVAILABLE",
          message: expect.stringMatching(/damaged \(.*(MDB_|as written|LMDB cannot|is missing)/),
        });
        refused += 1;
        // Nor is it taken for whole the next time, when it has its full size.
        await expect(EmbeddedStore.open({ directory: path })).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      }
    }
    expect(refused).toBeGreaterThan(5);
    await writeFile(file, whole);
    await using store = await EmbeddedStore.open({ directory: path });
    expect((await store.kv.get("a:1"))?.value).toEqual(new Uint8Array(500).fill(1));
  });

  test("the map grows with what is stored, also for readers that are open", async () => {
    const path = join(directory, "large");
    await using store = await EmbeddedStore.open({ directory: path, durability: "relaxed" });
    using reader = await EmbeddedReader.open({ directory: path });
    const value = new Uint8Array(1024 * 1024);
    // More than what is mapped at first.
    for (let i = 0; i < 300; i += 20) {
      await Promise.all(
        Array.from({ length: 20 }, (_, at) => store.kv.put(`big:${i + at}`, value.fill((i + at) % 251).slice())),
      );
    }
    reader.refresh();
    for (const i of [0, 150, 299]) expect(reader.get(`big:${i}`)?.value.at(-1)).toBe(i % 251);
  });
});
