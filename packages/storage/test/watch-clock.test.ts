import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@aspen/plugin-api";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { MemoryStore } from "../src/drivers/memory/index.js";
import type { Store } from "../src/index.js";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const directories: string[] = [];

async function openEmbedded(): Promise<Store> {
  const directory = await mkdtemp(join(tmpdir(), "aspen-clock-"));
  directories.push(directory);
  return EmbeddedStore.open({ directory, durability: "relaxed" });
}

afterEach(async () => {
  jest.restoreAllMocks();
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

/** Sets the wall clock and the monotonic clock off by so many milliseconds from what they are. */
function setClocks(offsets: { wall: number; monotonic: number }): void {
  jest.restoreAllMocks();
  const now = Date.now.bind(Date);
  const ticks = performance.now.bind(performance);
  jest.spyOn(Date, "now").mockImplementation(() => now() + offsets.wall);
  jest.spyOn(performance, "now").mockImplementation(() => ticks() + offsets.monotonic);
}

describe.each([
  ["embedded", openEmbedded],
  ["memory", async (): Promise<Store> => new MemoryStore()],
])("a watch on the %s store", (_name, open) => {
  test.each([-HOUR_MS, -1, 0, HOUR_MS, 24 * HOUR_MS])(
    "loses nothing when the wall clock is set off by %d ms, and lives on while it is renewed",
    async (wall) => {
      await using store = await open();
      const events = store.kv.watch("a:")[Symbol.asyncIterator]();
      expect((await events.next()).value).toMatchObject({ type: "synced" });
      // Less than a lease from one to the next, and more than one from the first to the last.
      for (const minutes of [0, 9, 18, 27, 36]) {
        const next = events.next();
        setClocks({ wall, monotonic: minutes * MINUTE_MS });
        const version = await store.kv.put("a:1", encodeUtf8(String(minutes)));
        expect(await next).toMatchObject({ value: { type: "put", version } });
      }
      await events.return?.();
    },
  );

  test("from a version is told that nothing is kept any more when its lease is over by the monotonic clock", async () => {
    await using store = await open();
    const events = store.kv.watch("a:")[Symbol.asyncIterator]();
    await events.next();
    const since = await store.kv.put("a:1", encodeUtf8("1"));
    await events.return?.();
    setClocks({ wall: -HOUR_MS, monotonic: 11 * MINUTE_MS });
    await store.kv.put("a:1", encodeUtf8("2"));
    const late = store.kv.watch("a:", { since })[Symbol.asyncIterator]().next();
    await expect(late).rejects.toMatchObject({ code: "WATCH_COMPACTED" });
  });
});

test("a watch on the embedded store goes on from a version after a restart within its lease, and not after it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aspen-clock-"));
  directories.push(directory);
  let since = 0;
  {
    await using store = await EmbeddedStore.open({ directory });
    const events = store.kv.watch("a:")[Symbol.asyncIterator]();
    await events.next();
    since = await store.kv.put("a:1", encodeUtf8("1"));
    await events.return?.();
  }
  {
    setClocks({ wall: 9 * MINUTE_MS, monotonic: -performance.now() });
    await using store = await EmbeddedStore.open({ directory });
    await store.kv.put("a:1", encodeUtf8("2"));
    const events = store.kv.watch("a:", { since })[Symbol.asyncIterator]();
    expect(await events.next()).toMatchObject({ value: { type: "put" } });
    await events.return?.();
  }
  setClocks({ wall: 60 * MINUTE_MS, monotonic: -performance.now() });
  await using store = await EmbeddedStore.open({ directory });
  await store.kv.put("a:1", encodeUtf8("3"));
  const late = store.kv.watch("a:", { since })[Symbol.asyncIterator]().next();
  await expect(late).rejects.toMatchObject({ code: "WATCH_COMPACTED" });
});
