// Puts and gets a blob of so many MiB in a process of its own; prints its peak memory in MiB, once it has warmed up and
// at the end.
import assert from "node:assert/strict";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";

const [kind, place, megabytes] = process.argv.slice(2);
const store = kind === "redis" ? await RedisStore.open({ url: place }) : await EmbeddedStore.open({ directory: place });
const { blobs } = store;
const PIECE = 300_007;

async function* source(size) {
  let seed = 1;
  for (let at = 0; at < size; at += PIECE) {
    const piece = new Uint8Array(Math.min(PIECE, size - at));
    seed = (seed * 1103515245 + 12345) >>> 0;
    new DataView(piece.buffer).setUint32(0, seed);
    yield piece;
  }
}

async function roundTrip(size) {
  const hash = await blobs.put(source(size));
  let length = 0;
  for await (const piece of await blobs.get(hash)) length += piece.length;
  assert.equal(length, size);
  const middle = { start: Math.floor(size / 2), end: Math.floor(size / 2) + 10 };
  const range = [];
  for await (const piece of await blobs.get(hash, middle)) range.push(piece);
  assert.equal(Buffer.concat(range).length, 10);
  await blobs.delete(hash);
}

const peak = () => Math.round(process.resourceUsage().maxRSS / 1024);
await roundTrip(64 * 2 ** 20);
const warm = peak();
await roundTrip(Number(megabytes) * 2 ** 20);
console.log(JSON.stringify({ warm, end: peak() }));
await store[Symbol.asyncDispose]();
