import { decodeEnvelope, encodeEnvelope, encodeUtf8, LIMITS } from "@aspen/plugin-api";
import type { KvEntry, Op } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import { assertNamespace, eventPrefix } from "./event-keys.js";
import { assertEventHeader, type EventHeader, isEventHeader } from "./event-rules.js";
import { placeAt, placeText } from "./place.js";

/** What an emitter says of an event. The names and meanings are those of CloudEvents 1.0; `topic` is its `type`. */
export interface EventInput {
  /** Dot-separated tokens of letters, digits, `_` and `-`, such as `forge.push`; at most 255 characters. */
  topic: string;
  /** Bytes are stored as they are, anything else as JSON. @default none */
  data?: unknown;
  /** Media type of `data`; at most 255 characters. @default "application/json", for bytes "application/octet-stream" */
  contentType?: string;
  /** What it is about, such as a key; at most 1,024 characters. @default none */
  subject?: string;
  /** Where it comes from, a URI reference of at most 1,024 characters. @default "aspen:" and the namespace, percent-encoded */
  source?: string;
  /** What it was caused by, the first cause first: at most 64 names of 1 to 256 characters. @default none */
  chain?: readonly string[];
  /**
   * Extension attributes, such as `traceparent`: at most 32, whose names are 1 to 20 lower-case letters and digits and whose
   * values have at most 1,024 characters.
   * @default none
   */
  attributes?: Readonly<Record<string, string>>;
}

/** An event as the log has it. With `id` and `source` it is known from every other one. */
export interface LoggedEvent {
  /** Its key in the store. */
  readonly id: string;
  /**
   * The place behind it: its id and a fingerprint, so that a follower notices when the store lost this event and gave its
   * key to another one.
   */
  readonly cursor: string;
  readonly namespace: string;
  readonly topic: string;
  readonly source: string;
  readonly subject?: string;
  /** When it was emitted, by the clock of the emitter: RFC 3339, in milliseconds. */
  readonly time: string;
  readonly contentType?: string;
  /** Empty when it has none. */
  readonly data: Uint8Array;
  readonly chain: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * The operation that emits an event in the transaction of a change in `namespace`, so that there is no change without its
 * event, and no event of a change that failed. The event's id is among the `appended` of the transaction's result.
 *
 * @throws AspenError `INVALID_PARAMS`, `PAYLOAD_TOO_LARGE` when header and data have more bytes than a value may have
 */
export function eventOp(namespace: string, input: EventInput): Extract<Op, { type: "append" }> {
  assertNamespace(namespace);
  const { data, contentType, subject, source, chain, attributes } = input;
  const bytes = dataBytes(data);
  const ofData = data instanceof Uint8Array ? "application/octet-stream" : "application/json";
  const type = contentType ?? (data === undefined ? undefined : ofData);
  const header: EventHeader = {
    topic: input.topic,
    time: new Date().toISOString(),
    ...(type === undefined ? {} : { contentType: type }),
    ...(subject === undefined ? {} : { subject }),
    ...(source === undefined ? {} : { source }),
    ...(chain === undefined ? {} : { chain }),
    ...(attributes === undefined ? {} : { attributes }),
  };
  assertEventHeader(header);
  const value = encodeEnvelope(header, [bytes]);
  if (value.length > LIMITS.valueBytes) throw layersErrors.eventTooLarge(value.length);
  return { type: "append", prefix: eventPrefix(namespace), value };
}

/** @throws AspenError `STORE_INCONSISTENT` when it was not written by {@link eventOp} */
export function decodeEvent(
  namespace: string,
  { key, value }: Pick<KvEntry, "key" | "value">,
  place = placeAt({ key, value }),
): LoggedEvent {
  let header: unknown;
  let data: Uint8Array;
  try {
    ({ header, attachments: data } = decodeEnvelope(value));
  } catch (cause) {
    throw layersErrors.eventUnreadable(key, cause);
  }
  if (!isEventHeader(header)) throw layersErrors.eventUnreadable(key);
  const { topic, time, contentType, subject, source, chain = [], attributes = {} } = header;
  return {
    id: key,
    cursor: placeText(place),
    namespace,
    topic,
    source: source ?? `aspen:${encodeURIComponent(namespace)}`,
    ...(subject === undefined ? {} : { subject }),
    time,
    ...(contentType === undefined ? {} : { contentType }),
    data,
    chain,
    attributes,
  };
}

function dataBytes(data: unknown): Uint8Array {
  if (data === undefined) return new Uint8Array(0);
  if (data instanceof Uint8Array) return data;
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (cause) {
    throw layersErrors.invalid("data", `cannot be written as JSON: ${cause instanceof Error ? cause.message : cause}`);
  }
  // Of a function, for example.
  if (json === undefined) throw layersErrors.invalid("data", "must be bytes, or something that JSON can say");
  return encodeUtf8(json);
}
