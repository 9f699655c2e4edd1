import { decodeUtf8, encodeUtf8, isAspenError } from "@aspen/plugin-api";
import type { BlobStore } from "@aspen/storage";
import { jobsErrors } from "../../errors.js";
import { JOB_LIMITS } from "../../options.js";
import { namedBlobs } from "./named-blobs.js";
import type { StoredValue } from "./record.js";

/** Of a result with the token of its attempt, as two attempts may store one, of which one counts. */
export type ValueName = "payload" | `result:${number}`;

/**
 * Payloads and results: small ones in the record, large ones as blobs. The job references those until it is forgotten, as
 * it does the blobs that a value names.
 */
export class JobValues {
  constructor(private readonly blobs: BlobStore) {}

  /** @throws AspenError `INVALID_PARAMS` for what is no JSON, `PAYLOAD_TOO_LARGE` */
  async store(id: string, what: ValueName, value: unknown): Promise<StoredValue> {
    const json = jsonOf(what, value);
    const bytes = Buffer.byteLength(json);
    if (bytes > JOB_LIMITS.payloadBytes) throw jobsErrors.payloadTooLarge(what, bytes, JOB_LIMITS.payloadBytes);
    const reference = tagOf(id, what);
    for (const hash of namedBlobs(value)) await this.#keep(hash, reference);
    if (bytes <= JOB_LIMITS.inlineBytes) return { json };
    return { blob: await this.blobs.put(encodeUtf8(json), { reference }) };
  }

  /** A small value. @throws AspenError `INVALID_PARAMS` for what is no JSON, `PAYLOAD_TOO_LARGE` over 65,536 bytes */
  inline(what: ValueName, value: unknown): StoredValue {
    const json = jsonOf(what, value);
    const bytes = Buffer.byteLength(json);
    if (bytes > JOB_LIMITS.inlineBytes) throw jobsErrors.payloadTooLarge(what, bytes, JOB_LIMITS.inlineBytes);
    return { json };
  }

  async load(stored: StoredValue): Promise<unknown> {
    if ("json" in stored) return JSON.parse(stored.json);
    return JSON.parse(decodeUtf8(await this.blobs.read(stored.blob, JOB_LIMITS.payloadBytes)));
  }

  /** Lets go of the blob, if it is one, and of those that it names. */
  async forget(id: string, what: ValueName, stored: StoredValue | undefined): Promise<void> {
    if (!stored) return;
    const tag = tagOf(id, what);
    for (const hash of namedBlobs(await this.#loadIfThere(stored))) await this.blobs.removeReference(hash, tag);
    if ("blob" in stored) await this.blobs.removeReference(stored.blob, tag);
  }

  /** Whoever named it finds out that it is not there when it is read. */
  async #keep(hash: string, tag: string): Promise<void> {
    await this.blobs.addReference(hash, tag).catch(unlessNotThere);
  }

  async #loadIfThere(stored: StoredValue): Promise<unknown> {
    return await this.load(stored).catch(unlessNotThere);
  }
}

function unlessNotThere(error: unknown): void {
  if (!(isAspenError(error) && error.code === "BLOB_NOT_FOUND")) throw error;
}

function tagOf(id: string, what: ValueName): string {
  return `job:${id}:${what}`;
}

function jsonOf(what: ValueName, value: unknown): string {
  try {
    return JSON.stringify(value ?? null) ?? "null";
  } catch (error) {
    throw jobsErrors.notJson(what, error);
  }
}
