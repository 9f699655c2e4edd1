import { isAspenError, LIMITS } from "@aspen/plugin-api/abi";
import { dataTag } from "../blob-tags.js";
import { defineHostFunction } from "./host-function.js";
import { bytesArg, stringArg } from "./parameters.js";

export const blobPut = defineHostFunction<Uint8Array>({
  prepare: (_scope, args) => bytesArg(args, 0, "data"),
  // A key or another plugin may hold the hash, and nobody can tell, so what a plugin stores is kept.
  run: ({ blobs }, data, { grant }) => blobs.put(data, { reference: dataTag(grant.plugin) }),
});

export const blobGet = defineHostFunction<string>({
  prepare: (_scope, args) => stringArg(args, 0, "hash"),
  async run({ blobs }, hash) {
    try {
      // One byte of a result is its tag.
      return await blobs.read(hash, LIMITS.messageBytes - 1);
    } catch (error) {
      if (isAspenError(error) && error.code === "BLOB_NOT_FOUND") return null;
      throw error;
    }
  },
});

export const blobHas = defineHostFunction<string>({
  prepare: (_scope, args) => stringArg(args, 0, "hash"),
  run: ({ blobs }, hash) => blobs.has(hash),
});
