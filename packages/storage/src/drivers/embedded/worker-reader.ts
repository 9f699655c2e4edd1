/** What a worker thread imports to read an embedded store itself. @module */
import type { SyncKvReader } from "../../kv/key-value-store.js";
import { EmbeddedReader } from "./embedded-reader.js";

/** What {@link openWorkerReader} is sent. */
export interface EmbeddedReaderData {
  /** Directory of a store that is open in this process. */
  readonly directory: string;
}

/** @throws AspenError `STORE_UNAVAILABLE` when the directory has no store */
export function openWorkerReader(data: unknown): Promise<SyncKvReader> {
  return EmbeddedReader.open(data as EmbeddedReaderData);
}
