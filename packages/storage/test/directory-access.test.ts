import { chmod, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@aspen/plugin-api";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { EmbeddedReader, EmbeddedStore } from "../src/drivers/embedded/index.js";

let base: string;
let directory: string;
let umask: number;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "aspen-access-"));
  directory = join(base, "data");
  umask = process.umask(0);
});

afterEach(async () => {
  process.umask(umask);
  await rm(base, { recursive: true, force: true });
});

/** Everything in the directory that others may do something with, and how much there is. */
async function loose(): Promise<{ found: string[]; of: number }> {
  const names = ["", ...(await readdir(directory, { recursive: true }))];
  const found: string[] = [];
  for (const name of names) {
    const { mode } = await stat(join(directory, name));
    if (mode & 0o077) found.push(`${name} ${(mode & 0o7777).toString(8)}`);
  }
  return { found, of: names.length };
}

async function* unfinished(then: () => Promise<void>) {
  yield encodeUtf8("a secret");
  await then();
}

describe("what an embedded store keeps", () => {
  test("is for its owner alone, whatever the umask", async () => {
    await using store = await EmbeddedStore.open({ directory });
    using _reader = await EmbeddedReader.open({ directory });
    await store.kv.put("a:1", encodeUtf8("a secret"));
    await store.blobs.put(encodeUtf8("a secret"));
    await store.blobs.put(
      unfinished(async () => {
        const { found, of } = await loose();
        expect(found).toEqual([]);
        // The directory, its lock, kv with two files, blobs with a folder and a file, uploads with one.
        expect(of).toBeGreaterThanOrEqual(10);
      }),
    );
    expect((await loose()).found).toEqual([]);
    expect((await stat(directory)).mode & 0o7777).toBe(0o700);
    expect((await stat(join(directory, "kv", "data.mdb"))).mode & 0o7777).toBe(0o600);
  });

  test("is taken from others when an earlier version let them have it", async () => {
    {
      await using store = await EmbeddedStore.open({ directory });
      await store.kv.put("a:1", encodeUtf8("a secret"));
      for (let i = 0; i < 20; i++) await store.blobs.put(encodeUtf8(`secret ${i}`));
    }
    for (const name of ["", ...(await readdir(directory, { recursive: true }))]) {
      const path = join(directory, name);
      await chmod(path, (await stat(path)).isDirectory() ? 0o755 : 0o644);
    }
    expect((await loose()).found.length).toBeGreaterThan(25);
    await using store = await EmbeddedStore.open({ directory });
    expect((await loose()).found).toEqual([]);
    expect((await store.kv.get("a:1"))?.value).toEqual(encodeUtf8("a secret"));
  });

  test("leaves a directory alone that users share, and what is not the store's", async () => {
    await mkdir(join(directory, "mine"), { recursive: true });
    await chmod(join(directory, "mine"), 0o755);
    await chmod(directory, 0o1777);
    await using _store = await EmbeddedStore.open({ directory });
    expect((await loose()).found).toEqual([" 1777", "mine 755"]);
  });

  test("does not take the folders above it from others", async () => {
    const deep = join(base, "above", "data");
    process.umask(0o022);
    await using _store = await EmbeddedStore.open({ directory: deep });
    expect((await stat(join(base, "above"))).mode & 0o777).toBe(0o755);
    expect((await stat(deep)).mode & 0o777).toBe(0o700);
  });
});
