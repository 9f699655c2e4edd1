import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCall, hostCallExpecting } from "../guest/host-call.js";
import { BlobReader } from "./blob-reader.js";
import { BlobWriter } from "./blob-writer.js";

export interface OpenBlobOptions {
  /** The first byte, and the byte after the last. @default the whole blob */
  range?: { start?: number; end?: number };
}

/** Content-addressed bytes that all plugins share. Needs `blob:read` and `blob:write`. */
export const blobs = {
  /** Stores the bytes; returns their BLAKE3 hash, 64 hexadecimal digits. */
  async put(data: string | Uint8Array): Promise<string> {
    return decodeUtf8(await hostCallExpecting("blob_put", typeof data === "string" ? encodeUtf8(data) : data));
  },

  /** The bytes, or null when no such blob is stored. At most 16 MiB; larger ones are read in parts by `open`. */
  async get(hash: string): Promise<Uint8Array | null> {
    return (await hostCall("blob_get", hash))?.slice() ?? null;
  },

  async has(hash: string): Promise<boolean> {
    return (await hostCallExpecting("blob_has", hash))[0] === 1;
  },

  /**
   * Opens a blob, or a range of one, to be read in parts; null when no such blob is stored. At most 16 are open in one
   * call, with whose end they are closed.
   *
   * @throws AspenError `LIMIT_EXCEEDED`; `INVALID_PARAMS` for a range outside of the blob; `PERMISSION_DENIED` also in
   * `onInit`, `onShutdown` and `onHealth`
   */
  async open(hash: string, { range = {} }: OpenBlobOptions = {}): Promise<BlobReader | null> {
    const opened = await hostCall("blob_open", hash, JSON.stringify({ start: range.start, end: range.end }));
    return opened && new BlobReader(JSON.parse(decodeUtf8(opened)) as { handle: number; size: number });
  },

  /** Begins a blob that is written in parts. What is not committed by the end of the call is forgotten. @throws as `open` */
  async create(): Promise<BlobWriter> {
    return BlobWriter.create();
  },
};
