import { AspenError } from "@aspen/plugin-api";
import type { KeyValueStore, Store } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { KvJobQueue } from "../src/index.js";

/** Over 64 KiB, so that it is a blob. */
const LARGE = "x".repeat(100_000);

/** A store that applies the next transaction, loses its answer, and is away from then on until `back`. */
function losing(store: MemoryStore): { store: Store; lose(): void; back(): void } {
  let state: "there" | "losing" | "away" = "there";
  const away = () => new AspenError("STORE_UNAVAILABLE", "the store is away");
  const kv = new Proxy(store.kv, {
    get(target, name: keyof KeyValueStore) {
      const real = Reflect.get(target, name);
      if (typeof real !== "function") return real;
      return async (...args: unknown[]) => {
        if (state === "away") throw away();
        const answer = await Reflect.apply(real, target, args);
        if (name !== "transact" || state !== "losing") return answer;
        state = "away";
        throw new AspenError("OUTCOME_UNKNOWN", "the answer was lost");
      };
    },
  });
  return {
    store: { kv, blobs: store.blobs, [Symbol.asyncDispose]: async () => undefined } as unknown as Store,
    lose: () => {
      state = "losing";
    },
    back: () => {
      state = "there";
    },
  };
}

test("a submit or a result whose answer was lost keeps what is stored for it", async () => {
  await using memory = new MemoryStore();
  const unsteady = losing(memory);
  await using queue = new KvJobQueue(unsteady.store, { onError: () => undefined });
  await using other = new KvJobQueue(memory);
  await other.registerTypes(["t"]);
  /** What keeps blobs from garbage collection. */
  const tags = async () => {
    const found: string[] = [];
    for await (const { hash } of memory.blobs.list()) found.push(...(await memory.blobs.references(hash)));
    return found;
  };

  unsteady.lose();
  await expect(queue.submit({ type: "t", payload: LARGE })).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  const [job] = await other.claim({ worker: "w", types: [{ type: "t" }], limit: 1, leaseMs: 60_000 });
  expect(job!.payload).toBe(LARGE);
  const { id } = job!;
  expect(await tags()).toEqual([`job:${id}:payload`]);

  unsteady.back();
  unsteady.lose();
  await expect(queue.complete(job!, LARGE)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(await tags()).toEqual([`job:${id}:payload`, `job:${id}:result:1`]);
  expect(await other.get(id)).toMatchObject({ status: "completed", result: LARGE });
});
