import { getMaxListeners } from "node:events";
import { encodeUtf8 } from "@aspen/plugin-api";
import { type KvEvent, NamespacedKeyValueStore, type WatchOptions } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { EventLog, eventOp } from "../src/index.js";

const text = (minLength: number, maxLength: number) => fc.string({ unit: "grapheme", minLength, maxLength });
const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/);
const inputs = fc.record(
  {
    topic: fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join(".")),
    subject: text(1, 40),
    source: fc.webUrl(),
    contentType: fc.constantFrom("text/plain", "application/json"),
    chain: fc.array(text(1, 20), { maxLength: 5 }),
    attributes: fc.dictionary(fc.stringMatching(/^x[a-z0-9]{0,19}$/), text(0, 20), { maxKeys: 5 }),
    data: fc.uint8Array({ maxLength: 64 }),
  },
  { requiredKeys: ["topic"] },
);

test("whatever is emitted is read", async () => {
  await using store = new MemoryStore();
  const log = new EventLog(store.kv);
  await fc.assert(
    fc.asyncProperty(inputs, async (input) => {
      const { key } = await log.emit("app:", input);
      const [event] = await log.read("app:");
      expect(event).toMatchObject({ ...input, id: key, attributes: { ...input.attributes } });
      await store.kv.delete(key);
    }),
  );
});

test("whatever else is stored among the events is told of, and nothing worse", async () => {
  await using store = new MemoryStore();
  const log = new EventLog(store.kv);
  const { value } = eventOp("app:", { topic: "a.b", data: [1], chain: ["x"] });
  const damaged = fc.tuple(fc.nat(value.length - 1), fc.nat(255)).map(([at, byte]) => {
    const copy = value.slice();
    copy[at] = byte;
    return copy;
  });
  const json = fc.json().map((header) => {
    const bytes = encodeUtf8(header);
    return Uint8Array.of(bytes.length & 255, bytes.length >> 8, 0, 0, ...bytes);
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array(), damaged, json), async (stored) => {
      const op = { type: "append" as const, prefix: "app:__events:", value: stored };
      const result = await store.kv.transact({ checks: [], ops: [op] });
      const unreadable: unknown[] = [];
      const events = await log.read("app:", { onUnreadable: (error) => unreadable.push(error) });
      expect(events.length + unreadable.length).toBe(1);
      for (const error of unreadable) expect(error).toMatchObject({ code: "STORE_INCONSISTENT" });
      if (result.ok) await store.kv.delete(result.appended[0]!);
    }),
    { numRuns: 500 },
  );
});

/** A view of a store that notes the signals of its watches. */
class Noting extends NamespacedKeyValueStore {
  readonly signals: AbortSignal[] = [];

  override watch(prefix: string, options: WatchOptions = {}): AsyncGenerator<KvEvent, void, undefined> {
    if (options.signal) this.signals.push(options.signal);
    return super.watch(prefix, options);
  }
}

test("many namespaces are followed without a warning of too many listeners", async () => {
  await using store = new MemoryStore();
  const namespaces = Array.from({ length: 50 }, (_, i) => `app-${i}:`);
  const noting = new Noting(store.kv, namespaces);
  const log = new EventLog(noting);
  for (const namespace of namespaces) await log.emit(namespace, { topic: "first" });
  const told = new Set<string>();
  for await (const event of log.follow({ namespaces })) {
    // The second one is told by the watch.
    if (event.topic === "first") await log.emit(event.namespace, { topic: "second" });
    else told.add(event.namespace);
    if (told.size === namespaces.length) break;
  }
  expect(noting.signals.length).toBeGreaterThan(0);
  for (const signal of noting.signals) expect(getMaxListeners(signal)).toBe(Number.POSITIVE_INFINITY);
});
