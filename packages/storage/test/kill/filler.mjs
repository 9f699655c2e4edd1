// Writes to an embedded store until the disk is full, then tells what still works. Its files are limited by ulimit.
import { EmbeddedStore } from "@aspen/storage/embedded";

const store = await EmbeddedStore.open({ directory: process.argv[2] });
const value = new Uint8Array(200_000).fill(7);
const codeOf = (work) =>
  work.then(
    () => "ok",
    (error) => error.code,
  );
let stored = 0;
let refused = "ok";
while (refused === "ok") {
  refused = await codeOf(store.kv.put(`a:${stored}`, value));
  if (refused === "ok") stored += 1;
}
const blob = await codeOf(store.blobs.put(new Uint8Array(30_000_000)));
let readable = 0;
for (let i = 0; i < stored; i++) if ((await store.kv.get(`a:${i}`))?.value.length === value.length) readable += 1;
// LMDB uses a deleted value's pages some commits later.
let deleted = "ok";
for (let i = 0; i < 5 && deleted === "ok"; i++) deleted = await codeOf(store.kv.delete(`a:${i}`));
const again = await codeOf(store.kv.put("a:again", value));
await store[Symbol.asyncDispose]();
console.log(JSON.stringify({ stored, refused, blob, readable, deleted, again }));
