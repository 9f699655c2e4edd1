import { decodeUtf8, readU64 } from "@aspen/plugin-api/abi";
import { hostCallExpecting } from "../guest/host-call.js";

/** A blob that is written in parts. Nobody sees it before `commit`. */
export class BlobWriter implements AsyncDisposable {
  readonly #handle: string;

  private constructor(handle: number) {
    this.#handle = String(handle);
  }

  static async create(): Promise<BlobWriter> {
    return new BlobWriter(readU64(await hostCallExpecting("blob_create")));
  }

  /**
   * Adds bytes, or a text as UTF-8; at most 16 MiB at once.
   *
   * @throws AspenError `HANDLE_UNKNOWN` when it is committed or aborted, or is that of another call; `STORE_UNAVAILABLE`
   */
  async write(data: string | Uint8Array): Promise<void> {
    await hostCallExpecting("blob_write", this.#handle, data);
  }

  /** Stores what was written; returns its BLAKE3 hash, 64 hexadecimal digits. @throws AspenError as `write` */
  async commit(): Promise<string> {
    return decodeUtf8(await hostCallExpecting("blob_commit", this.#handle));
  }

  /** Forgets what was written. Does nothing when it is committed already. */
  async abort(): Promise<void> {
    await hostCallExpecting("blob_close", this.#handle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }
}
