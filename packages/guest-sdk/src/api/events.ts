import { decodeUtf8, encodeEnvelope, encodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCallExpecting } from "../guest/host-call.js";

/** An event to be emitted. The names are those of CloudEvents 1.0; `topic` is its `type`. */
export interface EmitRequest {
  /** Dot-separated tokens of letters, digits, `_` and `-`, such as `note.changed`; at most 255 characters. */
  topic: string;
  /** Bytes, or anything that JSON holds; at most 64 KiB: larger data goes into a blob. @default none */
  data?: unknown;
  /** Media type of the data. @default "application/json", for bytes "application/octet-stream" */
  contentType?: string;
  /** What it is about, such as a key; at most 1,024 characters. */
  subject?: string;
  /** Extension attributes: at most 32, under names of 1 to 20 lower-case letters and digits. */
  attributes?: Readonly<Record<string, string>>;
  /** A namespace that is the plugin's as a whole. @default in a transaction that of its keys, otherwise the first */
  namespace?: string;
}

/** The event logs of the plugin's own namespaces. Needs `events:emit`. */
export const events = {
  /**
   * Emits an event; returns its id. To emit it together with the change that it speaks of, use `kv.transact`.
   *
   * @throws AspenError `PERMISSION_DENIED`, `KV_NAMESPACE_DENIED`, `INVALID_PARAMS`, `PAYLOAD_TOO_LARGE`,
   * `STORE_UNAVAILABLE`, `OUTCOME_UNKNOWN`
   */
  async emit(event: EmitRequest): Promise<string> {
    const attachments: Uint8Array[] = [];
    const header = emitted(event, attachments);
    return decodeUtf8(await hostCallExpecting("events_emit", encodeEnvelope(header, attachments)));
  },
};

/** An event as the host takes it; its data is added to `attachments`. */
export function emitted({ data, contentType, ...event }: EmitRequest, attachments: Uint8Array[]): object {
  if (data === undefined) return { ...event, contentType };
  const bytes = data instanceof Uint8Array ? data : encodeUtf8(jsonText(data));
  attachments.push(bytes);
  const type = data instanceof Uint8Array ? "application/octet-stream" : "application/json";
  return { ...event, contentType: contentType ?? type, dataLength: bytes.length };
}

/** @throws TypeError when JSON cannot say it */
function jsonText(data: unknown): string {
  const text = JSON.stringify(data);
  if (text === undefined) throw new TypeError(`the data of an event cannot be a ${typeof data}`);
  return text;
}
