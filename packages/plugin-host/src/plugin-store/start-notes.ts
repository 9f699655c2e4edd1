import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { Check, KeyValueStore, KvEntry, Op } from "@aspen/storage";
import { z } from "zod";

const NOTE_PREFIX = "__sys:plugin-start:";
const BEAT_PREFIX = "__sys:plugin-starter:";
/** A wall time, because the store ends it: long after every observer has decided, so that nothing is left for ever. */
const BEAT_TTL_MS = 600_000;

/** No node's id (RFC 9562, section 5.9). */
const NIL = "00000000-0000-0000-0000-000000000000";

const noteSchema = z.object({
  node: z.uuid(),
  host: z.string(),
  pid: z.int(),
  plugin: z.string(),
  codeHash: z.string(),
  startedAt: z.iso.datetime(),
});

/** That a node starts a plugin's code, written before it does and removed when the start has ended. */
export type StartNote = z.output<typeof noteSchema>;

/** A note as it lies in the store. */
export interface StoredNote {
  note: StartNote;
  /** Holds while nobody has changed it. */
  check: Check;
  remove: Op;
}

/**
 * Notes of the starts that are under way on all nodes of the store. There is one at most for each code of a plugin, so
 * that a code that ends its node ends one alone.
 */
export class StartNotes {
  constructor(private readonly kv: KeyValueStore) {}

  /** False when this code is being started already. */
  async put(note: StartNote): Promise<boolean> {
    const { ok } = await this.kv.compareAndSwap(keyOf(note), null, encodeUtf8(JSON.stringify(note)));
    return ok;
  }

  /** Null when this code is not being started. */
  async get(of: Pick<StartNote, "plugin" | "codeHash">): Promise<StoredNote | null> {
    const entry = await this.kv.get(keyOf(of));
    return entry && parse(entry);
  }

  /** False when it was gone: another node took this one for dead. */
  async remove(note: StartNote): Promise<boolean> {
    const { ok } = await this.kv.compareAndSwap(keyOf(note), encodeUtf8(JSON.stringify(note)), null);
    return ok;
  }

  async all(): Promise<StoredNote[]> {
    const notes: StoredNote[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.kv.scan({ prefix: NOTE_PREFIX, ...(cursor === undefined ? {} : { after: cursor }) });
      notes.push(...page.entries.map(parse));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return notes;
  }

  /** Shows that a node lives. */
  async beat(node: string): Promise<void> {
    await this.kv.put(BEAT_PREFIX + node, encodeUtf8("1"), { ttlMs: BEAT_TTL_MS });
  }

  /** Another number for each beat of a node; null when there was none for a long time. */
  async lastBeat(node: string): Promise<number | null> {
    return (await this.kv.get(BEAT_PREFIX + node))?.version ?? null;
  }
}

function keyOf({ plugin, codeHash }: Pick<StartNote, "plugin" | "codeHash">): string {
  return `${NOTE_PREFIX}${plugin}:${codeHash}`;
}

function parse({ key, value }: KvEntry): StoredNote {
  return { note: read(value) ?? damaged(key), check: { key, value }, remove: { type: "delete", key } };
}

function read(value: Uint8Array): StartNote | null {
  try {
    return noteSchema.parse(JSON.parse(decodeUtf8(value)));
  } catch {
    return null;
  }
}

/** What cannot be read must not stop a plugin for ever: it counts as a note of a node that is gone. */
function damaged(key: string): StartNote {
  const [plugin = "", codeHash = ""] = key.slice(NOTE_PREFIX.length).split(":");
  return { node: NIL, host: "unknown", pid: 0, plugin, codeHash, startedAt: new Date(0).toISOString() };
}
