import { setTimeout as delay } from "node:timers/promises";
import {
  type KeyValueStore,
  type KvEvent,
  storageErrors,
  type Transaction,
  type TxResult,
  type WatchOptions,
} from "@aspen/storage";

/** A store whose calls fail at random: before they are sent, after they were applied, or with an effect that comes late. */
export function faultyStore(kv: KeyValueStore, next: () => number): KeyValueStore & { settled(): Promise<void> } {
  const late = new Set<Promise<unknown>>();
  const maybeUnavailable = (): void => {
    if (next() < 0.1) throw storageErrors.unavailable("a fault of the test");
  };
  const read =
    <A extends unknown[], R>(method: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      maybeUnavailable();
      return method(...given);
    };
  const write =
    <A extends unknown[], R>(method: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      maybeUnavailable();
      const fate = next();
      if (fate < 0.1) {
        // What it answers nobody hears.
        const sent = delay(next() * 4).then(() => method(...given));
        late.add(sent);
        throw storageErrors.outcomeUnknown("a fault of the test");
      }
      const result = await method(...given);
      if (fate < 0.2) throw storageErrors.outcomeUnknown("a fault of the test");
      return result;
    };
  async function* watch(prefix: string, options?: WatchOptions): AsyncGenerator<KvEvent, void, undefined> {
    maybeUnavailable();
    for await (const event of kv.watch(prefix, options)) {
      yield event;
      maybeUnavailable();
      if (next() < 0.05) throw storageErrors.watchCompacted(prefix, event.version);
    }
  }
  return {
    get: read((key) => kv.get(key)),
    getMany: read((keys) => kv.getMany(keys)),
    scan: read((options) => kv.scan(options)),
    put: write((...given: Parameters<KeyValueStore["put"]>) => kv.put(...given)),
    delete: write((key) => kv.delete(key)),
    compareAndSwap: write((...given: Parameters<KeyValueStore["compareAndSwap"]>) => kv.compareAndSwap(...given)),
    transact: write((transaction: Transaction): Promise<TxResult> => kv.transact(transaction)),
    watch,
    async settled() {
      await Promise.all(late);
    },
    [Symbol.asyncDispose]: () => kv[Symbol.asyncDispose](),
  };
}
