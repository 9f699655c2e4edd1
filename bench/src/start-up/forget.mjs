// Takes from a store that the wasm of its plugins has been compiled before.
import { EmbeddedStore } from "@aspen/storage/embedded";

const store = await EmbeddedStore.open({ directory: process.argv[2] });
const { entries } = await store.kv.scan({ prefix: "__sys:verdict:", keysOnly: true });
if (entries.length === 0) throw new Error("the store remembers nothing");
for (const { key } of entries) await store.kv.delete(key);
await store[Symbol.asyncDispose]();
