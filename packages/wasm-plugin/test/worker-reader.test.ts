import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@aspen/plugin-api";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { describe, expect, test } from "@jest/globals";
import { Bench, call, failure } from "./support.js";

const KEY = "starter:told";
const moduleAt = (name: string) => new URL(`./readers/${name}.mjs`, import.meta.url).href;

// The bench's own store is empty: what a plugin finds came from the reader in its worker.
describe("a plugin reads in its own worker", () => {
  test("through the reader of a store that nobody here knows", async () => {
    await using bench = new Bench({
      reader: { module: moduleAt("rows-reader"), data: { rows: [[KEY, "by a stranger"]] } },
    });
    const starter = await bench.fixture("starter");
    expect(await call(starter, "starter.read", { key: KEY })).toBe("by a stranger");
    expect(await call(starter, "starter.read", { key: "starter:other" })).toBeNull();
  });

  test("through the embedded store's, which sees what was just committed", async () => {
    const directory = await mkdtemp(join(tmpdir(), "aspen-reader-"));
    await using store = await EmbeddedStore.open({ directory });
    await using bench = new Bench({ reader: store.workerReader });
    const starter = await bench.fixture("starter");
    for (const value of ["one", "two"]) {
      await store.kv.put(KEY, encodeUtf8(value));
      expect(await call(starter, "starter.read", { key: KEY })).toBe(value);
    }
    await rm(directory, { recursive: true });
  });
});

describe("a reader that cannot be opened fails the start and says why", () => {
  test.each([
    ["a module that is not there", moduleAt("missing"), /missing\.mjs cannot be opened: Cannot find module/],
    ["a package that is not there", "@nobody/reader", /@nobody\/reader cannot be opened: Cannot find package/],
    ["a module without the function", moduleAt("no-reader"), /no-reader\.mjs cannot be opened: it has no function/],
  ])("%s", async (_what, module, message) => {
    await using bench = new Bench({ reader: { module, data: null } });
    const error = await failure(bench.fixture("starter"));
    expect(error).toMatchObject({ code: "PLUGIN_UNAVAILABLE", message: expect.stringMatching(message) });
  });

  test("a module that never ends to load is given up after startTimeoutMs", async () => {
    await using bench = new Bench({ reader: { module: moduleAt("endless-reader"), data: null }, startTimeoutMs: 500 });
    const error = await failure(bench.fixture("starter"));
    expect(error).toMatchObject({
      code: "PLUGIN_UNAVAILABLE",
      message: expect.stringContaining("did not boot in 500 ms"),
    });
  });
});
