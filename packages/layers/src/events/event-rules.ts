import { layersErrors } from "../errors.js";

/** What is stored in front of the data, as JSON. */
export interface EventHeader {
  topic: string;
  time: string;
  contentType?: string;
  subject?: string;
  source?: string;
  chain?: readonly string[];
  attributes?: Readonly<Record<string, string>>;
}

const TOPIC = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
/** Names of attributes as CloudEvents has them (cloudevents.io, v1.0.2, "Naming conventions"). */
const ATTRIBUTE = /^[a-z0-9]{1,20}$/;
/** Those that the other fields of an event are. */
const TAKEN = new Set([
  "id",
  "source",
  "specversion",
  "type",
  "datacontenttype",
  "dataschema",
  "subject",
  "time",
  "data",
]);
/** RFC 3986's characters; whether they make a URI reference is the reader's to say. */
const URI_CHARACTERS = /^[\w.~:/?#[\]@!$&'()*+,;=%-]+$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const isText = (value: unknown, most: number, least = 1): value is string =>
  typeof value === "string" && value.length >= least && value.length <= most && value.isWellFormed();

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Each field's rule: true when a value is allowed, and what is asked of it. */
const RULES: Record<keyof EventHeader, [allowed: (value: unknown) => boolean, needed: string]> = {
  topic: [
    (value) => isText(value, 255) && TOPIC.test(value),
    'must be dot-separated tokens of letters, digits, "_" and "-", such as "forge.push", of at most 255 characters',
  ],
  time: [(value) => typeof value === "string" && TIME.test(value), "must be a time"],
  contentType: [
    (value) => isText(value, 255) && /^[\x21-\x7e][\x20-\x7e]*$/.test(value),
    "must be a media type of at most 255 characters",
  ],
  subject: [(value) => isText(value, 1024), "must be a text of 1 to 1,024 characters"],
  source: [
    (value) => isText(value, 1024) && URI_CHARACTERS.test(value),
    "must be a URI reference of at most 1,024 characters",
  ],
  chain: [
    (value) => Array.isArray(value) && value.length <= 64 && value.every((cause) => isText(cause, 256)),
    "must be at most 64 names of 1 to 256 characters",
  ],
  attributes: [
    (value) =>
      isObject(value) &&
      Object.keys(value).length <= 32 &&
      Object.entries(value).every(([name, text]) => ATTRIBUTE.test(name) && !TAKEN.has(name) && isText(text, 1024, 0)),
    "must be at most 32 texts of at most 1,024 characters, under names of 1 to 20 lower-case letters and digits that CloudEvents does not use itself",
  ],
};
const FIELDS = Object.keys(RULES) as (keyof EventHeader)[];
const NEEDED = new Set(["topic", "time"]);

function brokenField(header: Record<string, unknown>): keyof EventHeader | undefined {
  return FIELDS.find((field) => {
    const value = header[field];
    return value === undefined ? NEEDED.has(field) : !RULES[field][0](value);
  });
}

/** @throws AspenError `INVALID_PARAMS` that names the field */
export function assertEventHeader(header: EventHeader): void {
  const field = brokenField({ ...header });
  if (field) throw layersErrors.invalid(field, RULES[field][1]);
}

/** True for what {@link assertEventHeader} lets pass; of something that was read. */
export function isEventHeader(header: unknown): header is EventHeader {
  return isObject(header) && brokenField(header) === undefined;
}
