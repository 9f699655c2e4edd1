import assert from "node:assert/strict";
import { once } from "node:events";
import { encodeUtf8, isAspenError } from "@aspen/plugin-api/abi";
import { type CasResult, type KeyValueStore, NamespacedKeyValueStore, storageErrors } from "@aspen/storage";
import type { ConformanceCase } from "@aspen/storage/testing";
import { Leases } from "../lease.js";

const lost = (error: unknown): boolean => isAspenError(error) && error.code === "LEASE_LOST";
const write = (key: string, value: string) => ({
  checks: [],
  ops: [{ type: "put" as const, key, value: encodeUtf8(value) }],
});

/** A view of a store whose swaps, by which a lease is renewed, do not reach it any more. */
class CutOff extends NamespacedKeyValueStore {
  reachable = true;

  override async compareAndSwap(...swap: Parameters<KeyValueStore["compareAndSwap"]>): Promise<CasResult> {
    if (!this.reachable) throw storageErrors.unavailable("it is cut off");
    return super.compareAndSwap(...swap);
  }
}

/** What a lease promises on every store. */
export const leaseCases: readonly ConformanceCase[] = [
  {
    name: "of many who try at once, one gets it",
    async run({ kv }, namespace) {
      const tries = Array.from({ length: 8 }, () => new Leases(kv, { ttlMs: 600_000 }).tryAcquire(`${namespace}one`));
      const held = (await Promise.all(tries)).filter((lease) => lease !== null);
      assert.equal(held.length, 1);
      await held[0]!.release();
    },
  },
  {
    name: "who waits gets it on release, with a larger token",
    async run({ kv }, namespace) {
      const leases = new Leases(kv, { ttlMs: 600_000, pollMs: 600_000 });
      const first = await leases.acquire(`${namespace}one`);
      const waiting = leases.acquire(`${namespace}one`);
      await first.release();
      await using second = await waiting;
      assert.ok(second.fencingToken > first.fencingToken);
      assert.ok(first.signal.aborted);
      await assert.rejects(first.fencedTransact(write(`${namespace}x`, "stale")), lost);
    },
  },
  {
    name: "a holder whose token a store that lost its newest writes gives again is fenced off",
    async run({ kv }, namespace) {
      const leases = new Leases(kv, { ttlMs: 600_000 });
      await using stale = await leases.acquire(`${namespace}one`);
      await kv.delete(`${namespace}one`);
      await kv.delete(`${namespace}one#token`);
      await using next = await leases.acquire(`${namespace}one`);
      assert.equal(next.fencingToken, stale.fencingToken);
      await assert.rejects(stale.fencedTransact(write(`${namespace}x`, "stale")), lost);
      assert.ok((await next.fencedTransact(write(`${namespace}x`, "new"))).ok);
    },
  },
  {
    name: "a holder that the store has forgotten is fenced off, and told",
    async run({ kv }, namespace) {
      const leases = new Leases(kv, { ttlMs: 600_000 });
      await using stale = await leases.acquire(`${namespace}one`);
      await kv.delete(`${namespace}one`);
      await using next = await leases.acquire(`${namespace}one`);
      assert.ok((await next.fencedTransact(write(`${namespace}x`, "new"))).ok);
      await assert.rejects(stale.fencedTransact(write(`${namespace}x`, "stale")), lost);
      assert.ok(stale.signal.aborted);
      assert.deepEqual((await kv.get(`${namespace}x`))?.value, encodeUtf8("new"));
    },
  },
  {
    name: "a lease that is gone is noticed at the next renewal",
    async run({ kv }, namespace) {
      await using lease = await new Leases(kv, { ttlMs: 300 }).acquire(`${namespace}one`);
      const told = lease.signal.aborted ? null : once(lease.signal, "abort");
      await kv.delete(`${namespace}one`);
      await told;
      assert.ok(lost(lease.signal.reason));
    },
  },
  {
    name: "a holder that does not renew loses it when its TTL is over",
    async run({ kv }, namespace) {
      const view = new CutOff(kv, [namespace]);
      const lease = await new Leases(view, { ttlMs: 300 }).acquire(`${namespace}one`);
      view.reachable = false;
      await using next = await new Leases(kv, { ttlMs: 600_000 }).acquire(`${namespace}one`);
      assert.equal(lease.held, false);
      if (!lease.signal.aborted) await once(lease.signal, "abort");
      assert.ok(lost(lease.signal.reason));
      assert.ok(next.fencingToken > lease.fencingToken);
      await assert.rejects(lease.release());
      assert.ok((await next.fencedTransact(write(`${namespace}x`, "new"))).ok);
    },
  },
  {
    name: "the failed check of a fenced transaction is counted among its own",
    async run({ kv }, namespace) {
      await using lease = await new Leases(kv, { ttlMs: 600_000 }).acquire(`${namespace}one`);
      const checks = [{ key: `${namespace}x`, value: encodeUtf8("other") }];
      assert.deepEqual(await lease.fencedTransact({ checks, ops: [] }), { ok: false, failed: 0 });
    },
  },
  {
    name: "who gives up waiting does not get it",
    async run({ kv }, namespace) {
      const leases = new Leases(kv, { ttlMs: 600_000 });
      await using _held = await leases.acquire(`${namespace}one`);
      const controller = new AbortController();
      const waiting = leases.acquire(`${namespace}one`, controller.signal);
      controller.abort();
      await assert.rejects(waiting, (error) => isAspenError(error) && error.code === "CANCELLED");
    },
  },
];
