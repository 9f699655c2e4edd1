import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import { forgeErrors } from "../errors.js";

export function writeRecord(record: object): Uint8Array {
  return encodeUtf8(JSON.stringify(record));
}

/** A record of this format's version, as it was written. @throws AspenError `STORE_INCONSISTENT` */
export function readRecord<T extends { v: number }>(key: string, value: Uint8Array, version: T["v"]): T {
  let record: unknown;
  try {
    record = JSON.parse(decodeUtf8(value));
  } catch {
    throw forgeErrors.inconsistent(key, "is no JSON");
  }
  if (typeof record !== "object" || record === null || (record as { v?: unknown }).v !== version) {
    throw forgeErrors.inconsistent(key, `is not of version ${version}; a newer node may have written it`);
  }
  return record as T;
}
