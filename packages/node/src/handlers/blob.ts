import { LIMITS } from "@aspen/plugin-api";
import { methodsHandler, type RequestHandler } from "@aspen/rpc-core";
import type { BlobStore } from "@aspen/storage";
import { z } from "zod";
import { nodeErrors } from "../errors.js";
import { bytesSchema, toWire } from "./values.js";
import { zodMethod } from "./zod-method.js";

const hash = z.string();

/** `blob.*`: bytes by their BLAKE3 hash. */
export function blobHandler(blobs: BlobStore): RequestHandler {
  return methodsHandler({
    name: "blob",
    priority: 101,
    methods: {
      "blob.put": zodMethod({
        summary: "Stores at most 16 MiB of bytes; answers with their hash.",
        params: z.strictObject({ value: bytesSchema }),
        handle: async ({ value }) => {
          // No more than blob.get can give back.
          if (value.length > LIMITS.messageBytes) throw nodeErrors.blobTooLarge(value.length);
          return { hash: await blobs.put(value), size: value.length };
        },
      }),
      "blob.get": zodMethod({
        summary: "Reads a whole blob of at most 16 MiB.",
        params: z.strictObject({ hash }),
        handle: async ({ hash }) => {
          const value = await blobs.read(hash, LIMITS.messageBytes);
          return { hash, size: value.length, value: toWire(value) };
        },
      }),
      "blob.has": zodMethod({
        summary: "Says whether a blob is stored.",
        params: z.strictObject({ hash }),
        handle: async ({ hash }) => ({ has: await blobs.has(hash) }),
      }),
      "blob.stat": zodMethod({
        summary: "Hash and size of a blob; null when it is not stored.",
        params: z.strictObject({ hash }),
        handle: ({ hash }) => blobs.stat(hash),
      }),
    },
  });
}
