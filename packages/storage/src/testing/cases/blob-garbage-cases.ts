import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { type BlobStore, MAX_REFERENCES, MIN_GRACE_MS, TAG_BYTES } from "../../blobs/blob-store.js";
import { blobHash } from "../../blobs/hash.js";
import { CHUNK_BYTES } from "../../blobs/layout.js";
import { sample } from "../blob-samples.js";
import type { ConformanceCase } from "../conformance-case.js";
import { rejectsWith } from "../rejects-with.js";

const MISSING = "0".repeat(64);
const GRACE = { graceMs: MIN_GRACE_MS };

export const blobGarbageCases: readonly ConformanceCase[] = [
  {
    name: "references are added once, listed in order, and removed",
    async run({ blobs }, ns) {
      const hash = await blobs.put(sample(ns, 10));
      assert.deepEqual(await blobs.references(hash), []);
      for (const tag of ["b", "a", "b", "żółw 🐢"]) await blobs.addReference(hash, tag);
      assert.deepEqual(await blobs.references(hash), ["a", "b", "żółw 🐢"]);
      assert.equal(await blobs.removeReference(hash, "b"), true);
      assert.equal(await blobs.removeReference(hash, "b"), false);
      assert.deepEqual(await blobs.references(hash), ["a", "żółw 🐢"]);
      await blobs.put(sample(ns, 10), { reference: "c" });
      assert.deepEqual(await blobs.references(hash), ["a", "c", "żółw 🐢"]);
    },
  },
  {
    name: "a blob that is deleted loses its references",
    async run({ blobs }, ns) {
      const hash = await blobs.put(sample(ns, 10), { reference: "a" });
      assert.equal(await blobs.delete(hash), true);
      await rejectsWith("BLOB_NOT_FOUND", blobs.references(hash));
      await rejectsWith("BLOB_NOT_FOUND", blobs.addReference(hash, "a"));
      assert.equal(await blobs.removeReference(hash, "a"), false);
      await blobs.put(sample(ns, 10));
      assert.deepEqual(await blobs.references(hash), []);
    },
  },
  {
    name: "malformed hashes, tags and grace periods are refused with a code",
    async run({ blobs }, ns) {
      const hash = await blobs.put(sample(ns, 10));
      await blobs.addReference(hash, "x".repeat(TAG_BYTES));
      for (const tag of ["", "x".repeat(TAG_BYTES + 1), "ż".repeat(TAG_BYTES - 1), "a\nb", "\ud800", 7 as never]) {
        await rejectsWith("INVALID_PARAMS", blobs.addReference(hash, tag));
        await rejectsWith("INVALID_PARAMS", blobs.removeReference(hash, tag));
        await rejectsWith("INVALID_PARAMS", blobs.put(sample(ns, 10), { reference: tag }));
      }
      await rejectsWith("BLOB_HASH_INVALID", blobs.addReference("nope", "a"));
      await rejectsWith("BLOB_HASH_INVALID", blobs.removeReference("nope", "a"));
      await rejectsWith("BLOB_HASH_INVALID", blobs.references("nope"));
      await rejectsWith("BLOB_NOT_FOUND", blobs.references(MISSING));
      for (const graceMs of [MIN_GRACE_MS - 1, -1, Number.NaN, 1e300, "1h" as never]) {
        await rejectsWith("INVALID_PARAMS", blobs.collectGarbage({ graceMs }));
      }
    },
  },
  {
    name: "a blob has a bounded number of references",
    async run({ blobs }, ns) {
      const data = sample(ns, 10);
      const hash = await blobs.put(data);
      for (let first = 0; first < MAX_REFERENCES; first += 500) {
        await Promise.all(Array.from({ length: 500 }, (_, i) => blobs.addReference(hash, `tag-${first + i}`)));
      }
      await rejectsWith("INVALID_PARAMS", blobs.addReference(hash, "one more"));
      await rejectsWith("INVALID_PARAMS", blobs.put(data, { reference: "one more" }));
      await blobs.addReference(hash, "tag-7");
      assert.equal((await blobs.references(hash)).length, MAX_REFERENCES);
      await blobs.delete(hash);
    },
  },
  {
    name: "garbage is what has no reference and was last put before the grace period",
    async run({ blobs }, ns) {
      const put = (name: string, size = 10) => blobs.put(sample(ns + name, size));
      const garbage = await put("garbage", 2 * CHUNK_BYTES + 1);
      const referenced = await put("referenced");
      await blobs.addReference(referenced, "a");
      const again = await put("again");
      const later = await put("later");
      await blobs.addReference(later, "a");
      // Long enough that what is put after it is young still when it is looked at, on a busy machine too.
      const grace = { graceMs: 4 * MIN_GRACE_MS };
      await delay(grace.graceMs + 50);
      assert.equal(await put("again"), again);
      const fresh = await put("fresh");
      const told = await blobs.collectGarbage({ ...grace, dryRun: true });
      assert.ok(told.blobs >= 1 && told.bytes >= 2 * CHUNK_BYTES + 1);
      assert.equal(await blobs.has(garbage), true);
      assert.deepEqual(await blobs.collectGarbage(grace), told);
      await rejectsWith("BLOB_NOT_FOUND", blobs.read(garbage, 10 * CHUNK_BYTES));
      for (const hash of [referenced, again, later, fresh]) assert.equal((await blobs.read(hash, 10)).length, 10);
      // Without its reference it is as old as its put.
      await blobs.removeReference(later, "a");
      assert.ok((await blobs.collectGarbage(grace)).blobs >= 1);
      assert.equal(await blobs.has(later), false);
      assert.deepEqual(await blobs.collectGarbage(), { blobs: 0, bytes: 0, leftovers: 0 });
    },
  },
  {
    name: "garbage collection ends when its signal aborts",
    async run({ blobs }) {
      const signal = AbortSignal.abort(new Error("enough"));
      await assert.rejects(blobs.collectGarbage({ signal }), /enough/);
    },
  },
  {
    name: "garbage collection beside puts, references and deletes takes nothing that is put, referenced or read",
    async run({ blobs }, ns) {
      let working = true;
      let collected = 0;
      const collecting = (async () => {
        while (working) {
          collected += (await blobs.collectGarbage(GRACE)).blobs;
          // A store in memory never waits for anything: the others must have their turns.
          await delay(1);
        }
      })();
      const forgotten = await blobs.put(encodeUtf8(`${ns}forgotten`));
      const clients = [1, 2, 3].map((client) => useBlobs(blobs, ns, client));
      const done = Promise.all(clients).finally(() => {
        working = false;
      });
      await Promise.all([done, collecting]);
      assert.ok(collected >= 1);
      assert.equal(await blobs.has(forgotten), false);
    },
  },
];

/** Works for some seconds on contents that all clients share; throws when one is missing that must be there. */
async function useBlobs(blobs: BlobStore, ns: string, client: number): Promise<void> {
  const tag = `client-${client}`;
  const contents = Array.from({ length: 6 }, (_, i) => sample(`${ns}shared-${i}`, i * 300_000 + 1));
  const held = new Set<number>();
  const end = Date.now() + 3 * MIN_GRACE_MS;
  for (let step = client; Date.now() < end || held.size === 0; step++) {
    const which = (step * 7 + client * 5) % contents.length;
    const data = contents[which]!;
    const hash = blobHash(data);
    if (held.has(which)) {
      assert.deepEqual(await blobs.read(hash, data.length), data);
      // Those that nobody holds become old enough to be collected.
      if (step % 3 === 0) {
        await blobs.removeReference(hash, tag);
        held.delete(which);
        await delay(step % 2 ? MIN_GRACE_MS * 1.1 : 1);
      }
    } else if (step % 2 === 0) {
      await blobs.put(data, { reference: tag });
      held.add(which);
    } else {
      const began = Date.now();
      await blobs.put(data);
      const referenced = await blobs.addReference(hash, tag).then(
        () => true,
        (error: { code?: string }) => {
          // A process that was held up for the whole grace period may come too late.
          if (error.code !== "BLOB_NOT_FOUND" || Date.now() - began < MIN_GRACE_MS) throw error;
          return false;
        },
      );
      if (referenced) held.add(which);
    }
  }
  for (const which of held) {
    const data = contents[which]!;
    assert.deepEqual(await blobs.read(blobHash(data), data.length), data);
    await blobs.removeReference(blobHash(data), tag);
  }
}
