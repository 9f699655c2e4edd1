import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Store } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { testStore } from "@aspen/storage/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type Host, hostPlugin } from "../src/plugins-in-a-host.js";
import { calculator } from "../src/rpc-core-alone.js";
import { SortedStore } from "../src/sorted-store.js";
import { balances, deposit, keepReceipt, transfer } from "../src/storage-alone.js";

describe("storage alone", () => {
  let directory: string;
  let store: Store;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "aspen-library-use-"));
    store = await EmbeddedStore.open({ directory });
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  test("deposits at the same moment are all kept, and a transfer changes both accounts", async () => {
    await Promise.all(Array.from({ length: 20 }, () => deposit(store, "ada", 5)));
    expect(await transfer(store, "ada", "grace", 30)).toBe(true);
    expect(await balances(store)).toEqual([
      ["ada", 70],
      ["grace", 30],
    ]);
    await expect(transfer(store, "ada", "grace", 71)).rejects.toThrow("ada has 70, which is less than 71");
  });

  test("of transfers at the same moment, only one sees what it had read", async () => {
    await deposit(store, "joan", 10);
    const done = await Promise.all([transfer(store, "joan", "ada", 10), transfer(store, "joan", "grace", 10)]);
    expect(done.filter(Boolean)).toHaveLength(1);
    expect(Object.fromEntries(await balances(store)).joan).toBe(0);
  });

  test("a receipt is found by its hash", async () => {
    const hash = await keepReceipt(store, "30 from ada to grace");
    expect(await keepReceipt(store, "30 from ada to grace")).toBe(hash);
    expect(await store.blobs.stat(hash)).toMatchObject({ size: 20 });
  });
});

describe("rpc-core alone", () => {
  test("methods answer, wrong params are refused, and the middleware sees each call", async () => {
    const { client, calls } = calculator();
    expect(await client.call("math.sum", { numbers: [1, 2, 3] })).toBe(6);
    expect(await client.call("math.mean", { numbers: [1, 2] })).toBe(1.5);
    await expect(client.call("math.sum", { numbers: [] })).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    expect(calls).toEqual(
      new Map([
        ["math.sum", 2],
        ["math.mean", 1],
      ]),
    );
  });
});

describe("a plugin in a host", () => {
  const folder = fileURLToPath(new URL("../plugins/word-count", import.meta.url));
  let store: Store;
  let host: Host;
  beforeAll(async () => {
    store = new SortedStore();
    host = await hostPlugin(folder, store);
  });
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]();
    await store?.[Symbol.asyncDispose]();
  });

  test("it answers, and keeps its state in the store of our own", async () => {
    expect(await host.client.call("words.count", { text: "one two  three" })).toEqual({ words: 3, total: 3 });
    expect(await host.client.call("words.count", { text: "four" })).toEqual({ words: 1, total: 4 });
    const entry = await store.kv.get("__plugin:word-count:total");
    expect(new TextDecoder().decode(entry?.value)).toBe("4");
  });

  test("one that does not end is stopped, and answers again", async () => {
    await expect(host.client.call("words.loop")).rejects.toMatchObject({ code: "PLUGIN_TIMEOUT" });
    expect(await host.client.call("words.count", { text: "" })).toEqual({ words: 0, total: 4 });
  });
});

testStore({ describe, test }, { name: "sorted", open: async () => new SortedStore() });
