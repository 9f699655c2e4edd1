import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { encodeUtf8 } from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";
import { openWorkerReader } from "../src/drivers/embedded/worker-reader.js";
import { MemoryStore } from "../src/drivers/memory/index.js";
import { addressOf, topologyOf } from "../src/drivers/redis/connection/topology.js";
import { RedisStore, type RedisStoreOptions } from "../src/drivers/redis/index.js";
import { openStore, type StoreLocation } from "../src/open-store.js";
import { RedisServer } from "../src/testing/index.js";

describe("a store says of itself", () => {
  test("in memory: nobody else has it", async () => {
    await using store = new MemoryStore();
    expect(store).toMatchObject({ address: "memory", exclusive: true });
    expect(store).not.toHaveProperty("workerReader");
  });

  test("embedded: where it is, that it is alone, and how a thread reads it", async () => {
    const directory = await mkdtemp(join(tmpdir(), "aspen-open-"));
    await using store = await openStore({ driver: "embedded", directory: relative(process.cwd(), directory) });
    expect(store).toMatchObject({ address: `embedded:${directory}`, exclusive: true });
    await store.kv.put("a:1", encodeUtf8("one"));
    const { module, data } = store.workerReader!;
    expect(module).toBe("@aspen/storage/embedded/worker-reader");
    using reader = await openWorkerReader(structuredClone(data));
    expect(reader.get("a:1")?.value).toEqual(encodeUtf8("one"));
    await rm(directory, { recursive: true });
  });

  test("on Redis: where it is, and that others may have it", async () => {
    await using server = await RedisServer.start();
    const warnings: string[] = [];
    await using store = await openStore(
      { driver: "redis", url: server.url },
      { onWarning: (warning) => warnings.push(warning) },
    );
    expect(store.address).toBe(server.url);
    expect(store.exclusive ?? false).toBe(false);
    expect(store).toBeInstanceOf(RedisStore);
    expect(warnings).toEqual((store as RedisStore).warnings);
  });

  test.each<[string, RedisStoreOptions]>([
    ["redis://h:6379", { url: "redis://h" }],
    ["rediss://ada:***@h:1/2", { url: "rediss://ada:secret@h:1/2" }],
    ["redis://h:6379/3", { url: "redis://h/2", database: 3 }],
    [
      "redis+cluster://:***@a:6379,[::1]:7",
      { cluster: { nodes: [{ host: "a" }, { host: "::1", port: 7 }] }, password: "x" },
    ],
    ["redis+sentinel://a:26379/main", { sentinel: { name: "main", nodes: [{ host: "a" }], password: "secret" } }],
  ])("%s, without a password", (address, options) => {
    expect(addressOf(topologyOf(options))).toBe(address);
  });
});

test.each([{}, { driver: "sqlite" }, { directory: "./data" }])("%j is no location", async (location) => {
  await expect(openStore(location as StoreLocation)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
});
