import { encodeUtf8 } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { AuditTrail } from "../src/index.js";

let store: MemoryStore;
const trail = new AuditTrail({ prefix: "app:audit:" });
const by = { kind: "token", id: "t", requestId: "r" };

beforeEach(() => {
  store = new MemoryStore();
});
afterEach(() => store[Symbol.asyncDispose]());

describe("an audit trail", () => {
  it("has an entry for each change that was made, and none for one that was not", async () => {
    for (let at = 0; at < 5; at += 1) {
      const op = trail.op({ action: "put", subject: `app:${at}`, by, details: { at } }, at);
      const put = { type: "put", key: `app:${at}`, value: encodeUtf8("1") } as const;
      await store.kv.transact({ checks: [{ key: "app:3", value: null }], ops: [put, op] });
    }
    const first = await trail.list(store.kv, { limit: 3 });
    expect(first.entries).toMatchObject(
      [3, 2, 1].map((at) => ({ at, action: "put", subject: `app:${at}`, by, details: { at } })),
    );
    const rest = await trail.list(store.kv, { limit: 3, after: first.cursor! });
    expect(rest).toMatchObject({ entries: [{ at: 0 }], cursor: null });
  });

  it("cuts what is too long, and says what it cannot read", async () => {
    const long = "x".repeat(1000);
    const op = trail.op(
      { action: long, subject: long, by: { kind: long, id: long }, details: { long: long.repeat(17) } },
      1,
    );
    await store.kv.transact({ checks: [], ops: [op] });
    await store.kv.put("app:audit:zzz", encodeUtf8("no entry"));
    const { entries, unreadable } = await trail.list(store.kv);
    expect(unreadable).toEqual(["app:audit:zzz"]);
    expect(entries[0]!.subject.length).toBe(257);
    expect(entries[0]!.details).toEqual({ bytes: 17_011 });
  });

  it("forgets entries after their time, and refuses options that are out of range", async () => {
    expect(new AuditTrail({ prefix: "app:audit:", keepMs: 5 }).op({ action: "a", subject: "s", by }, 1)).toMatchObject({
      ...{ type: "append", prefix: "app:audit:", ttlMs: 5 },
    });
    for (const options of [{ prefix: "audit" }, { prefix: "app:audit:", keepMs: 0 }, { prefix: "app:", keepMs: 0.5 }]) {
      expect(() => new AuditTrail(options)).toThrow(expect.objectContaining({ code: "INVALID_PARAMS" }));
    }
    for (const limit of [0, 1001, 1.5]) {
      await expect(trail.list(store.kv, { limit })).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    }
  });
});
