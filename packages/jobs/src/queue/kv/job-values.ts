import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { BlobStore } from "@aspen/storage";
import { jobsErrors } from "../../errors.js";
import { JOB_LIMITS } from "../../options.js";
import type { StoredValue } from "./record.js";

/** Of a result with the token of its attempt, as two attempts may store one, of which one counts. */
export type ValueName = "payload" | `result:${number}`;

/** Payloads and results: small ones in the record, large ones as blobs that the job references until it is forgotten. */
export class JobValues {
  constructor(private readonly blobs: BlobStore) {}

  /** @throws AspenError `INVALID_PARAMS` for what is no JSON, `PAYLOAD_TOO_LARGE` */
  async store(id: string, what: ValueName, value: unknown): Promise<StoredValue> {
    const json = jsonOf(what, value);
    const bytes = encodeUtf8(json);
    if (bytes.length <= JOB_LIMITS.inlineBytes) return { json };
    if (bytes.length > JOB_LIMITS.payloadBytes) {
      throw jobsErrors.payloadTooLarge(what, bytes.length, JOB_LIMITS.payloadBytes);
    }
    return { blob: await this.blobs.put(bytes, { reference: tagOf(id, what) }) };
  }

  /** A small value. @throws AspenError `INVALID_PARAMS` for what is no JSON, `PAYLOAD_TOO_LARGE` over 65,536 bytes */
  inline(what: ValueName, value: unknown): StoredValue {
    const json = jsonOf(what, value);
    const bytes = encodeUtf8(json).length;
    if (bytes > JOB_LIMITS.inlineBytes) throw jobsErrors.payloadTooLarge(what, bytes, JOB_LIMITS.inlineBytes);
    return { json };
  }

  async load(stored: StoredValue): Promise<unknown> {
    if ("json" in stored) return JSON.parse(stored.json);
    return JSON.parse(decodeUtf8(await this.blobs.read(stored.blob, JOB_LIMITS.payloadBytes)));
  }

  /** Lets go of the blob, if it is one. */
  async forget(id: string, what: ValueName, stored: StoredValue | undefined): Promise<void> {
    if (stored && "blob" in stored) await this.blobs.removeReference(stored.blob, tagOf(id, what));
  }
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
