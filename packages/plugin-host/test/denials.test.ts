import { encodeUtf8, parseManifest } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { type PluginHostContext, type PluginInstance, PluginStarter } from "../src/index.js";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** What a plugin reaches that was started as a node starts one, and the warnings of the log. */
async function started() {
  const warnings: { fields: Record<string, unknown>; message: string }[] = [];
  const nothing = () => undefined;
  const warn = (fields: object, message: string) =>
    void warnings.push({ fields: fields as Record<string, unknown>, message });
  const store = new MemoryStore();
  let host: PluginHostContext | undefined;
  const instance = { health: async () => ({ state: "healthy" }) } as unknown as PluginInstance;
  const starter = new PluginStarter({
    runtimes: [
      {
        tier: "native",
        async start(_artifact, context) {
          host = context;
          return instance;
        },
        async [Symbol.asyncDispose]() {},
      },
    ],
    kv: store.kv,
    blobs: store.blobs,
    logger: { debug: nothing, info: nothing, warn, error: nothing },
  });
  const permissions = ["kv:read", "kv:write"];
  const entry = { kind: "native", module: "plugin.js" };
  const manifest = parseManifest({
    name: "p",
    version: "1.0.0",
    api_version: "1",
    entry,
    handles: ["p.*"],
    permissions,
  });
  await starter.start({ manifest, files: new Map() }, {});
  return { host: host!, warnings };
}

test("a loop of denials is one line, then one with their number", async () => {
  const { host, warnings } = await started();
  const key = encodeUtf8(`other:${"\u0000".repeat(1000)}`);
  const put = () => host.invoke("kv_put", [key, encodeUtf8("v"), encodeUtf8("{}")]);
  for (let i = 0; i < 5000; i++) await put();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatchObject({
    message: "a plugin was denied a host call",
    fields: { plugin: "p", hostFunction: "kv_put", code: "KV_NAMESPACE_DENIED", count: 1 },
  });
  expect(String(warnings[0]!.fields.target).length).toBeLessThanOrEqual(256);
  jest.advanceTimersByTime(10_000);
  await put();
  jest.advanceTimersByTime(10_000);
  expect(warnings.length).toBeLessThanOrEqual(3);
  const counts = warnings.map(({ fields }) => Number(fields.count));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(5001);
  expect(JSON.stringify(warnings).length).toBeLessThan(10_000);
});

test("denials of different kinds are told apart, and after a silence the first is a line again", async () => {
  const { host, warnings } = await started();
  const get = () => host.invoke("kv_get", [encodeUtf8("other:1")]);
  await get();
  await host.invoke("blob_put", [encodeUtf8("x")]);
  expect(warnings.map(({ fields }) => fields.hostFunction)).toEqual(["kv_get", "blob_put"]);
  jest.advanceTimersByTime(60_000);
  await get();
  expect(warnings).toHaveLength(3);
});

test("a key that no store takes is refused before it is decoded or logged", async () => {
  const { host, warnings } = await started();
  for (const bytes of [1025, 1_000_000]) {
    const answer = await host.invoke("kv_put", [new Uint8Array(bytes), encodeUtf8("v"), encodeUtf8("{}")]);
    expect(JSON.parse(Buffer.from(answer.subarray(1)).toString())).toMatchObject({ code: "KV_KEY_INVALID" });
    expect(answer.length).toBeLessThan(2000);
  }
  expect(warnings).toEqual([]);
});
