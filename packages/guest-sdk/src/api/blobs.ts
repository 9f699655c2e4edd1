import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCall, hostCallExpecting } from "../guest/host-call.js";

/** Content-addressed bytes that all plugins share. Needs `blob:read` and `blob:write`. */
export const blobs = {
  /** Stores the bytes; returns their BLAKE3 hash, 64 hexadecimal digits. */
  async put(data: string | Uint8Array): Promise<string> {
    return decodeUtf8(await hostCallExpecting("blob_put", typeof data === "string" ? encodeUtf8(data) : data));
  },

  /** The bytes, or null when no such blob is stored. */
  async get(hash: string): Promise<Uint8Array | null> {
    return (await hostCall("blob_get", hash))?.slice() ?? null;
  },

  async has(hash: string): Promise<boolean> {
    return (await hostCallExpecting("blob_has", hash))[0] === 1;
  },
};
