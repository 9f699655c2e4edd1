import { hostCallExpecting } from "../guest/host-call.js";
import { uuidOf } from "../guest/uuid.js";

/** Cryptographically secure random numbers. Needs `randomness`; `Math.random` needs nothing and is not secure. */
export const random = {
  /** At most 65,536 at once. */
  async bytes(length: number): Promise<Uint8Array> {
    return (await hostCallExpecting("random_bytes", JSON.stringify(length))).slice();
  },

  /** A random UUID (RFC 9562, version 4). */
  async uuid(): Promise<string> {
    return uuidOf(await random.bytes(16));
  },
};
