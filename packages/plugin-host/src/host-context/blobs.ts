import { isAspenError, LIMITS } from "@aspen/plugin-api/abi";
import type { ByteRange } from "@aspen/storage";
import { dataTag } from "../blob-tags.js";
import { hostErrors } from "../errors.js";
import { defineHostFunction } from "./host-function.js";
import { bytesArg, jsonArg, optional, recordArg, stringArg } from "./parameters.js";
import { stateOf } from "./plugin-call.js";

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

/** Bytes of a handle, or of a number, as JSON. */
const NUMBER_BYTES = 32;

type Args = readonly (Uint8Array | null)[];

export const blobOpen = defineHostFunction<{ hash: string; range: ByteRange }>({
  prepare(_scope, args) {
    const options = recordArg(args, 1, "options");
    return { hash: stringArg(args, 0, "hash"), range: { ...bound(options, "start"), ...bound(options, "end") } };
  },
  async run({ blobs, streamCount }, { hash, range }, _scope, call) {
    try {
      return JSON.stringify(await stateOf(call, "blob_open").blobs.open(blobs, streamCount, hash, range));
    } catch (error) {
      if (isAspenError(error) && error.code === "BLOB_NOT_FOUND") return null;
      throw error;
    }
  },
});

export const blobRead = defineHostFunction<{ handle: number; most: number }>({
  prepare(_scope, args) {
    const most = args[1] ? jsonArg(args, 1, "most", NUMBER_BYTES) : LIMITS.blobPartBytes;
    if (typeof most !== "number" || !Number.isSafeInteger(most) || most < 1 || most > LIMITS.blobPartBytes) {
      throw hostErrors.invalidArgument("most", `must be a whole number from 1 to ${LIMITS.blobPartBytes}`);
    }
    return { handle: handleOf(args), most };
  },
  run: async (_services, { handle, most }, _scope, call) => stateOf(call, "blob_read").blobs.read(handle, most),
});

export const blobCreate = defineHostFunction<null>({
  prepare: () => null,
  run: async ({ blobs, streamCount }, _nothing, { grant }, call) =>
    stateOf(call, "blob_create").blobs.create(blobs, streamCount, dataTag(grant.plugin)),
});

export const blobWrite = defineHostFunction<{ handle: number; data: Uint8Array }>({
  prepare: (_scope, args) => ({ handle: handleOf(args), data: bytesArg(args, 1, "data") }),
  async run(_services, { handle, data }, _scope, call) {
    await stateOf(call, "blob_write").blobs.write(handle, data);
    return undefined;
  },
});

export const blobCommit = defineHostFunction<number>({
  prepare: (_scope, args) => handleOf(args),
  run: async (_services, handle, _scope, call) => stateOf(call, "blob_commit").blobs.commit(handle),
});

export const blobClose = defineHostFunction<number>({
  prepare: (_scope, args) => handleOf(args),
  run: async (_services, handle, _scope, call) => stateOf(call, "blob_close").blobs.close(handle),
});

function bound(options: Record<string, unknown>, name: "start" | "end"): ByteRange {
  const value = optional(options[name], "number", name);
  return value === undefined ? {} : { [name]: value };
}

function handleOf(args: Args): number {
  const handle = jsonArg(args, 0, "handle", NUMBER_BYTES);
  if (typeof handle !== "number") throw hostErrors.invalidArgument("handle", "must be a number");
  return handle;
}
