import type { BlobHash, BlobStore } from "../blob-store.js";

/** The part of a blob store that counts who needs a blob; not every one has it. */
export interface BlobReferences {
  references(hash: BlobHash): Promise<Iterable<string>> | AsyncIterable<string>;
  addReference(hash: BlobHash, tag: string): Promise<unknown>;
}

export function referencesOf(blobs: BlobStore): BlobReferences | null {
  const { references, addReference } = blobs as Partial<BlobReferences>;
  return typeof references === "function" && typeof addReference === "function" ? (blobs as never) : null;
}
