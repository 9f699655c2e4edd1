import { LIMITS } from "@aspen/plugin-api";
import { methodsHandler, type RequestHandler } from "@aspen/rpc-core";
import type { BlobStore } from "@aspen/storage";
import { z } from "zod";
import { nodeErrors } from "../errors.js";
import { bytesSchema, toWire } from "./values.js";
import { zodMethod } from "./zod-method.js";

const hash = z.string();
const tag = z.string();

/** `blob.*`: bytes by their BLAKE3 hash. */
export function blobHandler(blobs: BlobStore): RequestHandler {
  return methodsHandler({
    name: "blob",
    priority: 101,
    methods: {
      "blob.put": zodMethod({
        summary:
          "Stores at most 16 MiB of bytes; answers with their hash. Without a reference they are kept until blob.gc.",
        params: z.strictObject({ value: bytesSchema, reference: tag.optional() }),
        handle: async ({ value, reference }, { signal }) => {
          // No more than blob.get can give back.
          if (value.length > LIMITS.messageBytes) throw nodeErrors.blobTooLarge(value.length);
          const hash = await blobs.put(value, { signal, ...(reference === undefined ? {} : { reference }) });
          return { hash, size: value.length };
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
        summary:
          "Hash, size and times of a blob (createdAt, lastPutAt: ms since the epoch); null when it is not stored.",
        params: z.strictObject({ hash }),
        handle: ({ hash }) => blobs.stat(hash),
      }),
      "blob.addReference": zodMethod({
        summary: "Keeps a blob from blob.gc under a tag of the caller's.",
        params: z.strictObject({ hash, tag }),
        handle: async ({ hash, tag }) => {
          await blobs.addReference(hash, tag);
          return { hash, tag };
        },
      }),
      "blob.removeReference": zodMethod({
        summary: "Removes a tag of a blob, also one of a plugin that was removed; says whether it was there.",
        params: z.strictObject({ hash, tag }),
        handle: async ({ hash, tag }) => ({ removed: await blobs.removeReference(hash, tag) }),
      }),
      "blob.references": zodMethod({
        summary: "The tags of a blob, sorted.",
        params: z.strictObject({ hash }),
        handle: async ({ hash }) => ({ tags: await blobs.references(hash) }),
      }),
      "blob.gc": zodMethod({
        summary:
          "Removes blobs without references that were last put before the grace period (24 h unless given), and what unfinished uploads left.",
        params: z.strictObject({ graceMs: z.int().optional(), dryRun: z.boolean().optional() }),
        handle: async ({ graceMs, dryRun = false }, { signal }) => {
          const grace = graceMs === undefined ? {} : { graceMs };
          return { dryRun, ...(await blobs.collectGarbage({ dryRun, signal, ...grace })) };
        },
      }),
    },
  });
}
