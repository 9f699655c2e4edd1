import { randomUUID } from "node:crypto";
import { decodeUtf8, isAspenError } from "@aspen/plugin-api/abi";
import { every, type Loop } from "@aspen/plugin-api/every";
import { type BlobHash, MAX_REFERENCES } from "../../../blobs/blob-store.js";
import type { BlobContent, ChunkUpload, CommitOptions } from "../../../blobs/chunk-store.js";
import type { Part } from "../../../blobs/layout.js";
import { storageErrors } from "../../../errors.js";
import type { RedisConnection } from "../connection/redis-connection.js";
import type { BlobKeys } from "./blob-keys.js";
import { type BlobParts, onlyUnavailable, repeated } from "./blob-parts.js";

/** Parts that a lease names beyond those written, so that not every part renews it. */
const RESERVED = 64;
const BEGIN_ATTEMPTS = 3;

export interface UploadPlace {
  connection: RedisConnection;
  keys: BlobKeys;
  parts: BlobParts;
  leaseMs: number;
}

/**
 * One upload. While it lasts, a lease in the slot of its id says how many parts it may have written, so that they are
 * found when its process dies. The lease names the blob before the commit, which is in another slot. Garbage collection
 * fences an upload there before it gives it up, so the commit comes before that or never.
 */
export class RedisUpload implements ChunkUpload {
  readonly #renewal: Loop;
  #reserved = RESERVED;
  /** As of `performance.now`; the server has a clock of its own. */
  #leasedUntil: number;
  #hash: BlobHash | undefined;
  /** False when a part may still be written by a command that nobody waits for any more. */
  #settled = true;

  private constructor(
    private readonly place: UploadPlace,
    private readonly id: string,
    hash: BlobHash | undefined,
  ) {
    this.#hash = hash;
    this.#leasedUntil = performance.now() + place.leaseMs;
    // The next part, or the commit, asks again and gets the failure.
    this.#renewal = every(place.leaseMs / 3, () => this.#renew(), { onError: () => undefined });
  }

  static async begin(place: UploadPlace, hash: BlobHash | undefined): Promise<RedisUpload> {
    for (let attempt = 1; ; attempt++) {
      // Another id each time: a late copy of a beginning must not bring back an upload that has ended.
      const id = randomUUID();
      try {
        await place.connection.script("blob-lease", place.keys.bucketOf(id), [
          id,
          RESERVED,
          hash ?? "",
          place.leaseMs,
          "1",
        ]);
        return new RedisUpload(place, id, hash);
      } catch (error) {
        if (!isAspenError(error) || error.code !== "OUTCOME_UNKNOWN") throw error;
        if (attempt === BEGIN_ATTEMPTS) throw storageErrors.unavailable("no upload could be begun", error);
      }
    }
  }

  async write({ index }: Part, bytes: Uint8Array): Promise<void> {
    if (index >= this.#reserved || performance.now() >= this.#leasedUntil) await this.#renew(index + RESERVED);
    try {
      await this.place.parts.write(this.id, index, bytes);
    } catch (error) {
      this.#settled = false;
      throw error;
    }
  }

  async commit(hash: BlobHash, content: BlobContent, { reference, damaged }: CommitOptions): Promise<void> {
    const { connection, keys } = this.place;
    if (this.#hash === undefined) {
      this.#hash = hash;
      await this.#renew();
    }
    const reply = await connection.script("blob-commit", keys.bucketOf(hash), [
      hash,
      this.id,
      damaged ?? "",
      reference ?? "",
      content.size,
      content.chunkBytes,
      content.hashesPerPage,
      content.parts,
      Buffer.from(content.pages),
    ]);
    const blob = decodeUtf8(reply as Buffer);
    if (blob === "fenced") throw storageErrors.uploadAbandoned();
    if (blob === "full") throw storageErrors.tooManyReferences(hash, MAX_REFERENCES);
    this.#renewal[Symbol.dispose]();
    // The blob is there: garbage collection removes what cannot be removed now.
    await (blob === this.id ? this.#forget() : this.#drop()).catch(onlyUnavailable);
  }

  async abort(): Promise<void> {
    this.#renewal[Symbol.dispose]();
    // When the lease has ended, garbage collection removes parts that may still come and parts that cannot be removed now.
    if (this.#settled) await this.#drop().catch(onlyUnavailable);
  }

  async #renew(reserved = this.#reserved): Promise<void> {
    const { connection, keys, leaseMs } = this.place;
    const until = performance.now() + leaseMs;
    const args = [this.id, reserved, this.#hash ?? "", leaseMs, "0"];
    const alive = await repeated(() => connection.script("blob-lease", keys.bucketOf(this.id), args));
    if (Number(alive) !== 1) throw storageErrors.uploadAbandoned();
    this.#reserved = Math.max(this.#reserved, reserved);
    this.#leasedUntil = Math.max(this.#leasedUntil, until);
  }

  async #drop(): Promise<void> {
    await dropUpload(this.place, this.id, this.#reserved, this.#hash);
  }

  async #forget(): Promise<void> {
    await forgetUpload(this.place, this.id);
  }
}

type Tidying = Pick<UploadPlace, "connection" | "keys" | "parts">;

/** Removes the parts of an upload that has ended, unless they are a blob by now; false then. */
export async function dropUpload(
  place: Tidying,
  id: string,
  parts: number,
  hash: BlobHash | undefined,
): Promise<boolean> {
  if (hash !== undefined) {
    const isBlob = await place.connection.script("blob-fence", place.keys.bucketOf(hash), [hash, id]);
    if (Number(isBlob) === 1) {
      await forgetUpload(place, id);
      return false;
    }
  }
  await place.parts.remove(id, parts);
  await forgetUpload(place, id);
  return true;
}

async function forgetUpload({ connection, keys }: Tidying, id: string): Promise<void> {
  // In this order: a lease that is found alone says that no parts are left.
  await repeated(() => connection.write("HDEL", [keys.uploads(id), id]));
  await repeated(() => connection.write("ZREM", [keys.leases(id), id]));
}
