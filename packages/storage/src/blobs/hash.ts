import { createRequire } from "node:module";
import type { BlobHash } from "./blob-store.js";

const require = createRequire(import.meta.url);

/** Loaded at the first hash, so that a thread without blobs does not load it; CommonJS without named ESM exports. */
function blakeHash(): typeof import("@napi-rs/blake-hash") {
  return require("@napi-rs/blake-hash");
}

/** Bytes of a BLAKE3 hash. */
export const HASH_BYTES = 32;

/** BLAKE3 hash of bytes in memory. */
export function hashBytes(bytes: Uint8Array): Buffer {
  return blakeHash().blake3(bytes);
}

/** BLAKE3 hash of bytes in memory, as lower-case hexadecimal. */
export function blobHash(bytes: Uint8Array): BlobHash {
  return hashBytes(bytes).toString("hex");
}

/** BLAKE3 of what comes piece by piece. */
export class Hasher {
  readonly #hasher = new (blakeHash().Blake3Hasher)();

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  digest(): BlobHash {
    return this.digestBytes().toString("hex");
  }

  digestBytes(): Buffer {
    return this.#hasher.digestBuffer();
  }
}
