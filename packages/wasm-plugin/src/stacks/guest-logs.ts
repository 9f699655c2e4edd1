import type { GuestLogRecord } from "@aspen/plugin-host";
import { shortId } from "../protocol/request-id.js";
import { guestRecord } from "./guest-record.js";

/** Brings the records of guests to those who follow their requests. */
export class GuestLogs {
  readonly #taps = new Map<string, (record: GuestLogRecord) => void>();

  /** The records of this request go there from now on. */
  tap(requestId: string, onRecord: (record: GuestLogRecord) => void): Disposable {
    const id = shortId(requestId)!;
    this.#taps.set(id, onRecord);
    return { [Symbol.dispose]: () => void this.#taps.delete(id) };
  }

  /** A record as `log_write` takes it; what is none is left out. */
  write(bytes: Uint8Array, requestId?: string): void {
    const tap = requestId === undefined ? undefined : this.#taps.get(requestId);
    const record = tap && guestRecord(bytes);
    if (record) tap(record);
  }
}
