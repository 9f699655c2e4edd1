import { isAspenError } from "@aspen/plugin-api/abi";
import { MAX_PARTS } from "../../../blobs/layout.js";
import { storageErrors } from "../../../errors.js";
import type { RedisConnection } from "../connection/redis-connection.js";
import type { BlobKeys } from "./blob-keys.js";

/** Most times that a write which may be applied twice is sent. */
const ATTEMPTS = 3;
/** Parts that are removed at once. */
const REMOVED_AT_ONCE = 128;

/** The parts of blobs in Redis, each a key of its own. */
export class BlobParts {
  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: BlobKeys,
  ) {}

  async read(upload: string, index: number): Promise<Uint8Array | null> {
    const bytes = (await this.connection.read("GET", [this.keys.part(upload, index)])) as Buffer | null;
    return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Bytes of a part; 0 when it is gone. */
  async length(upload: string, index: number): Promise<number> {
    return Number(await this.connection.read("STRLEN", [this.keys.part(upload, index)]));
  }

  /** The bytes are sent as they are, without a copy. */
  async write(upload: string, index: number, bytes: Uint8Array): Promise<void> {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    await repeated(() => this.connection.write("SET", [this.keys.part(upload, index), buffer]));
  }

  async remove(upload: string, parts: number): Promise<void> {
    const end = Math.min(parts, MAX_PARTS);
    for (let first = 0; first < end; first += REMOVED_AT_ONCE) {
      const count = Math.min(REMOVED_AT_ONCE, end - first);
      // One command per key: they lie on several nodes of a cluster.
      const removals = Array.from({ length: count }, (_, i) =>
        repeated(() => this.connection.write("UNLINK", [this.keys.part(upload, first + i)])),
      );
      await Promise.all(removals);
    }
  }
}

/** Repeats a write whose outcome is unknown: twice is the same as once. @throws AspenError `STORE_UNAVAILABLE` */
export async function repeated<T>(write: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write();
    } catch (error) {
      if (!isAspenError(error) || error.code !== "OUTCOME_UNKNOWN") throw error;
      if (attempt === ATTEMPTS) throw storageErrors.unavailable(`Redis did not answer ${attempt} times`, error);
    }
  }
}

/** Ignores that Redis cannot be reached. @throws any other error */
export function onlyUnavailable(error: unknown): void {
  if (!isAspenError(error) || error.code !== "STORE_UNAVAILABLE") throw error;
}
