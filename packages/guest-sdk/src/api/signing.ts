import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCallExpecting } from "../guest/host-call.js";

const bytesOf = (data: string | Uint8Array) => (typeof data === "string" ? encodeUtf8(data) : data);

/**
 * Signatures in a plugin's own name, by Ed25519. What is signed is `aspen plugin signature v1:`, the name, a zero byte and the
 * data, so that it stands for nothing else. All nodes of a store have the same keys. Needs `signing`.
 */
export const signing = {
  /** 64 bytes for data of at most 1 MiB: sign the hash of more. @throws AspenError `PERMISSION_DENIED`, `PAYLOAD_TOO_LARGE` */
  async sign(data: string | Uint8Array): Promise<Uint8Array> {
    return (await hostCallExpecting("signing_sign", bytesOf(data))).slice();
  },

  /** True when the plugin of that name signed the data, on any node of this store. */
  async verify(plugin: string, data: string | Uint8Array, signature: Uint8Array): Promise<boolean> {
    return (await hostCallExpecting("signing_verify", bytesOf(data), signature, plugin))[0] === 1;
  },

  /** The 32 bytes of a plugin's public key (RFC 8032), for those who verify elsewhere. */
  async publicKey(plugin: string): Promise<Uint8Array> {
    return (await hostCallExpecting("signing_public_key", plugin)).slice();
  },
};
