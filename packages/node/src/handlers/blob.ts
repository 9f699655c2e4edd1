import { LIMITS } from "@aspen/plugin-api";
import { type HandlerFactory, type MethodsOf, method, methodsHandlerFactory, toWire } from "@aspen/rpc-core";
import { bytesSchema, wireValueSchema } from "@aspen/rpc-core/zod";
import type { BlobStore } from "@aspen/storage";
import { z } from "zod";
import { nodeErrors } from "../errors.js";

const hash = z.string();
const tag = z.string();
const size = z.number();

/** `blob.*`: bytes by their BLAKE3 hash. */
export function blobHandler(blobs: BlobStore): HandlerFactory {
  return methodsHandlerFactory({ name: "blob", priority: 101, methods: () => blobMethods(blobs) });
}

/** Params and results of the methods, from the table below. */
export type BlobMethods = MethodsOf<ReturnType<typeof blobMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends BlobMethods {}
}

function blobMethods(blobs: BlobStore) {
  return {
    "blob.put": method({
      summary:
        "Stores at most 16 MiB of bytes; answers with their hash. Without a reference they are kept until blob.gc.",
      params: z.strictObject({ value: bytesSchema, reference: tag.optional() }),
      result: z.strictObject({ hash, size }),
      handle: async ({ value, reference }, { signal }) => {
        // No more than blob.get can give back.
        if (value.length > LIMITS.messageBytes) throw nodeErrors.blobTooLarge(value.length);
        const hash = await blobs.put(value, { signal, ...(reference === undefined ? {} : { reference }) });
        return { hash, size: value.length };
      },
    }),
    "blob.get": method({
      summary: "Reads a whole blob of at most 16 MiB.",
      params: z.strictObject({ hash }),
      safe: true,
      result: z.strictObject({ hash, size, value: wireValueSchema }),
      handle: async ({ hash }) => {
        const value = await blobs.read(hash, LIMITS.messageBytes);
        return { hash, size: value.length, value: toWire(value) };
      },
    }),
    "blob.has": method({
      summary: "Says whether a blob is stored.",
      params: z.strictObject({ hash }),
      safe: true,
      result: z.strictObject({ has: z.boolean() }),
      handle: async ({ hash }) => ({ has: await blobs.has(hash) }),
    }),
    "blob.stat": method({
      summary: "Hash, size and times of a blob (createdAt, lastPutAt: ms since the epoch); null when it is not stored.",
      params: z.strictObject({ hash }),
      safe: true,
      result: z.strictObject({ hash, size, createdAt: z.number(), lastPutAt: z.number() }).nullable(),
      handle: ({ hash }) => blobs.stat(hash),
    }),
    "blob.addReference": method({
      summary: "Keeps a blob from blob.gc under a tag of the caller's.",
      params: z.strictObject({ hash, tag }),
      result: z.strictObject({ hash, tag }),
      handle: async ({ hash, tag }) => {
        await blobs.addReference(hash, tag);
        return { hash, tag };
      },
    }),
    "blob.removeReference": method({
      summary: "Removes a tag of a blob, also one of a plugin that was removed; says whether it was there.",
      params: z.strictObject({ hash, tag }),
      result: z.strictObject({ removed: z.boolean() }),
      handle: async ({ hash, tag }) => ({ removed: await blobs.removeReference(hash, tag) }),
    }),
    "blob.references": method({
      summary: "The tags of a blob, sorted.",
      params: z.strictObject({ hash }),
      safe: true,
      result: z.strictObject({ tags: z.array(tag) }),
      handle: async ({ hash }) => ({ tags: await blobs.references(hash) }),
    }),
    "blob.gc": method({
      summary:
        "Removes blobs without references that were last put before the grace period (24 h unless given), and what unfinished uploads left.",
      params: z.strictObject({ graceMs: z.int().optional(), dryRun: z.boolean().optional() }),
      result: z.strictObject({ dryRun: z.boolean(), blobs: z.number(), bytes: z.number(), leftovers: z.number() }),
      handle: async ({ graceMs, dryRun = false }, { signal }) => {
        const grace = graceMs === undefined ? {} : { graceMs };
        return { dryRun, ...(await blobs.collectGarbage({ dryRun, signal, ...grace })) };
      },
    }),
  };
}
