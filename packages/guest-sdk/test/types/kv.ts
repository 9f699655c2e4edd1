import { kv } from "../../src/index.js";

export async function results(): Promise<unknown> {
  const entry = await kv.get("__plugin:shop:tea");
  // @ts-expect-error it may not be there
  entry.text();
  const count = entry?.json<{ count: number }>().count satisfies number | undefined;
  // @ts-expect-error JSON is unknown until a type is named
  entry?.json().count;

  const swapped = await kv.cas("__plugin:shop:tea", null, "1");
  // @ts-expect-error only what was swapped has a version
  swapped.version;
  const version = swapped.ok ? swapped.version : swapped.actual?.version;

  const moved = await kv.transact({
    checks: [
      { key: "__plugin:shop:tea", version: 3 },
      { key: "__plugin:shop:milk", value: null },
    ],
    ops: [{ type: "put", key: "__plugin:shop:milk", value: new Uint8Array(1), ttlMs: 1000 }],
  });
  const failed = moved.ok ? undefined : moved.failed;

  // @ts-expect-error a value is text or bytes
  await kv.put("__plugin:shop:tea", { count: 1 });
  // @ts-expect-error there is no such option
  await kv.put("__plugin:shop:tea", "1", { ttl: 1 });
  // @ts-expect-error a check says what it checks
  await kv.transact({ checks: [{ key: "__plugin:shop:tea" }], ops: [] });
  // @ts-expect-error a put has a value
  await kv.transact({ ops: [{ type: "put", key: "__plugin:shop:tea" }] });
  // @ts-expect-error a scan has a prefix
  await kv.scan({ limit: 10 });
  const { entries, cursor } = await kv.scan({ prefix: "__plugin:shop:" });
  return [count, version, failed, entries.map(({ key }) => key), cursor satisfies string | undefined];
}
