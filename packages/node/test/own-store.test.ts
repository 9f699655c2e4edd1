import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { Store } from "@aspen/storage";
import {
  ChunkedBlobStore,
  MemoryChunkStore,
  type Row,
  type Table,
  TableKeyValueStore,
} from "@aspen/storage/driver-kit";
import { expect, it } from "@jest/globals";
import { createNode } from "../src/index.js";

/** A store of a stranger: rows in a plain object. It says nothing of itself. */
class OwnStore implements Store {
  readonly #rows: Record<string, Row> = Object.create(null);
  readonly #versions = new Map<string, number>();
  readonly #table: Table = {
    get: (key) => this.#rows[key],
    set: (key, row) => {
      this.#rows[key] = row;
    },
    delete: (key) => {
      delete this.#rows[key];
    },
    keys: (prefix) => Object.keys(this.#rows).filter((key) => key.startsWith(prefix)),
    version: (namespace) => this.#versions.get(namespace) ?? 0,
    setVersion: (namespace, version) => void this.#versions.set(namespace, version),
  };
  readonly kv = new TableKeyValueStore(this.#table);
  readonly blobs = new ChunkedBlobStore(new MemoryChunkStore());

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kv[Symbol.asyncDispose]();
    await this.blobs[Symbol.asyncDispose]();
  }
}

it("a store of one's own serves plugins, kv methods and watches", async () => {
  await using store = new OwnStore();
  {
    await using node = await createNode({ store, config: { listen: { port: 0 }, logLevel: "silent" } });
    const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/counter", import.meta.url)));
    const content = { base64: Buffer.from(wasm).toString("base64") };
    const artifact = { manifest, artifacts: [{ name: "plugin.wasm", content }] };
    expect(await node.inject("plugin.install", artifact)).toMatchObject({ state: "ready" });
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of store.kv.watch("__plugin:counter:", { signal: stop.signal })) {
        if (event.type === "put") seen.push(decodeUtf8(event.value));
        if (seen.includes("5")) stop.abort();
      }
    })();
    expect(await node.inject("counter.add", { by: 2 })).toMatchObject({ count: 2 });
    expect(await node.inject("counter.add", { by: 3 })).toMatchObject({ count: 5 });
    await watching.catch((error) => expect(stop.signal.aborted || error).toBe(true));
    expect(seen).toContain("5");
    expect(await node.inject("kv.put", { key: "t:a", value: "1" })).toEqual({ version: expect.any(Number) });
    expect(await node.inject("kv.get", { key: "t:a" })).toMatchObject({ value: "1" });
    expect(await node.inject("node.info")).toMatchObject({ store: "custom" });
  }
  // It is its opener's to close, and has the plugin for the next node.
  await store.kv.put("t:b", encodeUtf8("still open"));
  await using again = await createNode({ store, config: { listen: { port: 0 }, logLevel: "silent" } });
  expect(await again.inject("counter.add", { by: 1 })).toMatchObject({ count: 6 });
});
