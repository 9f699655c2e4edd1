import { createHash } from "node:crypto";
import { quoted } from "@aspen/plugin-api";
import type { KeyValueStore, KvEntry } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import { isEventId, LAST_PLACE } from "./event-keys.js";

/**
 * A place in the log of a namespace: behind an event. A store that lost its newest versions gives their keys again, so the
 * fingerprint tells this event from another one that took its key.
 */
export interface Place {
  readonly id: string;
  /** Null when it is not known. */
  readonly fingerprint: string | null;
}

/** Separates the two; no id has it behind the namespace. */
const MARK = "~";
const FINGERPRINT = /^[A-Za-z0-9_-]{16}$/;

export function placeAt({ key, value }: Pick<KvEntry, "key" | "value">): Place {
  return { id: key, fingerprint: createHash("sha256").update(value).digest("base64url").slice(0, 16) };
}

/** As a text, which is good as a cursor. */
export function placeText({ id, fingerprint }: Place): string {
  return fingerprint === null ? id : id + MARK + fingerprint;
}

/** Null when it is no place of the namespace. */
export function parsePlace(namespace: string, text: unknown): Place | null {
  if (typeof text !== "string") return null;
  const at = text.lastIndexOf(MARK);
  const fingerprint = at < 0 ? "" : text.slice(at + 1);
  if (FINGERPRINT.test(fingerprint) && isEventId(namespace, text.slice(0, at))) {
    return { id: text.slice(0, at), fingerprint };
  }
  return isEventId(namespace, text) ? { id: text, fingerprint: null } : null;
}

/** @throws AspenError `INVALID_PARAMS` unless it is the id of an event of the namespace, or its cursor */
export function placeOf(field: string, namespace: string, text: string): Place {
  const place = parsePlace(namespace, text);
  if (place) return place;
  throw layersErrors.invalid(
    field,
    `must be the id or the cursor of an event of ${quoted(namespace)}, not ${quoted(String(text))}`,
  );
}

/** True when the event is stored that the place is behind; of a place that is behind no event, always. */
export function isStillThere(place: Place, entry: KvEntry | null): boolean {
  if (place.id.endsWith(LAST_PLACE)) return true;
  return entry !== null && (place.fingerprint === null || placeAt(entry).fingerprint === place.fingerprint);
}

/** Places that are remembered, and those of them that are read at once: an event has up to 1 MiB. */
const REMEMBERED = 64;
const READ_AT_ONCE = 8;

/** The events that were read last. */
export class RecentPlaces {
  readonly #places: Place[] = [];

  constructor(first: Place | null) {
    if (first) this.#places.push(first);
  }

  get last(): Place | null {
    return this.#places.at(-1) ?? null;
  }

  push(place: Place): void {
    this.#places.push(place);
    if (this.#places.length > REMEMBERED) this.#places.shift();
  }

  /** The newest of them that is still there; null for none. */
  async newestStored(kv: KeyValueStore): Promise<Place | null> {
    for (let end = this.#places.length; end > 0; end -= READ_AT_ONCE) {
      const places = this.#places.slice(Math.max(0, end - READ_AT_ONCE), end);
      const entries = await kv.getMany(places.map(({ id }) => id));
      const found = places.findLast((place, index) => entries[index] && isStillThere(place, entries[index]));
      if (found) return found;
    }
    return null;
  }
}
