import { cut, decodeUtf8, encodeUtf8, namespaceOf } from "@aspen/plugin-api";
import { type KeyValueStore, type Op, readPage } from "@aspen/storage";
import { z } from "zod";
import { layersErrors } from "./errors.js";

/** Milliseconds for which an entry is kept, unless said otherwise: 400 days. */
const KEEP_MS = 400 * 86_400_000;
const PAGE_DEFAULT = 100;
const PAGE_MAX = 1000;
/** Most characters of a text, and bytes of the details of one entry. */
const TEXT_MAX = 256;
const DETAILS_BYTES_MAX = 16 * 1024;

const text = z.string();
const entrySchema = z.object({
  at: z.number(),
  action: text,
  subject: text,
  by: z.object({ kind: text, id: text, requestId: text.optional() }),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** Who did something. Never a secret. */
export interface AuditActor {
  /** `local`, `token`, `plugin`, `node`: the kind of a caller. */
  readonly kind: string;
  /** Which one of its kind. */
  readonly id: string;
  /** The request by which it was done. @default none */
  readonly requestId?: string | undefined;
}

/** What is written down. Texts are cut at 256 characters. */
export interface AuditEvent {
  /** What was done: `plugin.install`. */
  readonly action: string;
  /** To what: the plugin's name, the token's id. */
  readonly subject: string;
  readonly by: AuditActor;
  /** No secrets. Over 16 KiB as JSON their size stands in their place. @default none */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** One entry of the trail. */
export interface AuditEntry extends AuditEvent {
  /** Its place: later entries have greater keys. */
  readonly key: string;
  /** Milliseconds since the epoch, by the clock of the node that wrote it. */
  readonly at: number;
}

export interface AuditTrailOptions {
  /** Where it is kept: a namespace, that of the data it speaks of, and what follows it, such as `__sys:audit:`. */
  prefix: string;
  /** Milliseconds for which an entry is kept. @default 400 days */
  keepMs?: number;
}

export interface ListAuditOptions {
  /** The cursor of the page before. @default from the newest entry on */
  after?: string | undefined;
  /** Most entries of the page, 1 to 1,000. @default 100 */
  limit?: number | undefined;
}

export interface AuditPage {
  /** The newest first. */
  entries: AuditEntry[];
  /** Keys of entries that cannot be read. */
  unreadable: string[];
  /** Null at the end. */
  cursor: string | null;
}

/**
 * Who did what, in the order in which it was done. An entry is appended by an operation of the very transaction that makes
 * the change, so that there is no change without its entry and no entry of a change that failed.
 */
export class AuditTrail {
  readonly #prefix: string;
  readonly #keepMs: number;

  /** @throws AspenError `INVALID_PARAMS` when the prefix holds no namespace, or `keepMs` is no positive whole number */
  constructor({ prefix, keepMs = KEEP_MS }: AuditTrailOptions) {
    if (!namespaceOf(prefix).endsWith(":")) {
      throw layersErrors.invalid("prefix", 'must hold a namespace, such as "__sys:audit:"');
    }
    if (!Number.isSafeInteger(keepMs) || keepMs < 1) {
      throw layersErrors.invalid("keepMs", "must be a whole number of milliseconds, 1 at least");
    }
    this.#prefix = prefix;
    this.#keepMs = keepMs;
  }

  /** What appends an event. @param at milliseconds since the epoch */
  op({ action, subject, by, details }: AuditEvent, at: number): Op {
    const { kind, id, requestId } = by;
    const entry = {
      at,
      action: cut(action, TEXT_MAX),
      subject: cut(subject, TEXT_MAX),
      by: {
        kind: cut(kind, TEXT_MAX),
        id: cut(id, TEXT_MAX),
        ...(requestId === undefined ? {} : { requestId: cut(requestId, TEXT_MAX) }),
      },
      ...(details === undefined ? {} : { details: bounded(details) }),
    };
    return { type: "append", prefix: this.#prefix, value: encodeUtf8(JSON.stringify(entry)), ttlMs: this.#keepMs };
  }

  /** One page, the newest entries first. @throws AspenError `INVALID_PARAMS`, `CURSOR_INVALID`, or as a scan does */
  async list(
    kv: Pick<KeyValueStore, "scan">,
    { after, limit = PAGE_DEFAULT }: ListAuditOptions = {},
  ): Promise<AuditPage> {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= PAGE_MAX)) {
      throw layersErrors.invalid("limit", `must be a whole number from 1 to ${PAGE_MAX}`);
    }
    const from = after === undefined ? {} : { after };
    const page = await readPage(kv, { prefix: this.#prefix, reverse: true, limit, ...from });
    const unreadable: string[] = [];
    const entries = page.entries.flatMap(({ key, value }) => {
      const entry = read(value);
      if (entry) return [{ key, ...entry }];
      unreadable.push(key);
      return [];
    });
    return { entries, unreadable, cursor: page.cursor ?? null };
  }
}

function read(value: Uint8Array): Omit<AuditEntry, "key"> | null {
  try {
    return entrySchema.parse(JSON.parse(decodeUtf8(value)));
  } catch {
    // Told as unreadable, so that it is not taken for missing.
    return null;
  }
}

function bounded(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const bytes = Buffer.byteLength(JSON.stringify(details));
  return bytes > DETAILS_BYTES_MAX ? { bytes } : details;
}
