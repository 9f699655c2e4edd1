import { setTimeout as delay } from "node:timers/promises";
import { type AspenError, decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { Check, KeyValueStore, KvEntry, Op } from "@aspen/storage";
import { pluginErrors } from "../errors.js";
import { type PluginRecord, pluginRecordSchema } from "./plugin-record.js";
import { StartNotes } from "./start-notes.js";

const RECORD_PREFIX = "__sys:plugin:";
/** Written with every change, so that a node sees by one read whether anything changed. */
const EPOCH_KEY = "__sys:plugins-epoch";
const ATTEMPTS = 10;

/** Every installed plugin at one moment. */
export interface PluginSnapshot {
  /** Changes with every change; null before the first. */
  epoch: number | null;
  /** By name, in the order of the names. */
  records: ReadonlyMap<string, PluginRecord>;
  /** Records that cannot be read, by name. They can only be removed. */
  corrupt: ReadonlyMap<string, AspenError>;
}

/** What a change does to one plugin, or to several. */
export type PluginChange =
  | { put: PluginRecord }
  | { remove: string }
  /** Puts several, and applies `ops` with them, where `checks` hold. All of one namespace with the records. */
  | { putAll: readonly PluginRecord[]; checks: readonly Check[]; ops: readonly Op[] };

/** The installed plugins in the store that all nodes share. */
export class PluginStore {
  /** Notes of the starts that are under way. */
  readonly startNotes: StartNotes;

  constructor(private readonly kv: KeyValueStore) {
    this.startNotes = new StartNotes(kv);
  }

  /** Version of the last change, or null; cheap enough to be asked twice a second. */
  async epoch(): Promise<number | null> {
    return (await this.kv.get(EPOCH_KEY))?.version ?? null;
  }

  /** @throws AspenError `INTERNAL` when its record cannot be read */
  async get(name: string): Promise<PluginRecord | null> {
    const entry = await this.kv.get(RECORD_PREFIX + name);
    if (!entry) return null;
    try {
      return parseRecord(entry);
    } catch (error) {
      throw pluginErrors.recordCorrupt(name, error);
    }
  }

  async snapshot(): Promise<PluginSnapshot> {
    for (;;) {
      const epoch = await this.epoch();
      const snapshot = await this.#read(epoch);
      // A change between the two reads may have been seen by half.
      if ((await this.epoch()) === epoch) return snapshot;
    }
  }

  /**
   * Applies one change, decided on the newest state and repeated when another node was faster; null changes nothing.
   *
   * @throws AspenError what `decide` throws, or `KV_CONFLICT` when others were faster every time
   */
  async change(
    decide: (snapshot: PluginSnapshot) => PluginChange | null | Promise<PluginChange | null>,
  ): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const snapshot = await this.snapshot();
      const change = await decide(snapshot);
      if (!change) return;
      const { epoch } = snapshot;
      const several = "putAll" in change ? change : null;
      const applied = await this.kv.transact({
        checks: [
          epoch === null ? { key: EPOCH_KEY, value: null } : { key: EPOCH_KEY, version: epoch },
          ...(several?.checks ?? []),
        ],
        ops: [
          ...recordOps(change),
          ...(several?.ops ?? []),
          { type: "put", key: EPOCH_KEY, value: encodeUtf8(new Date().toISOString()) },
        ],
      });
      if (applied.ok) return;
      await delay(Math.random() * 10 * 2 ** attempt);
    }
    throw pluginErrors.changedMeanwhile();
  }

  async #read(epoch: number | null): Promise<PluginSnapshot> {
    const records = new Map<string, PluginRecord>();
    const corrupt = new Map<string, AspenError>();
    let cursor: string | undefined;
    do {
      const page = await this.kv.scan({ prefix: RECORD_PREFIX, ...(cursor === undefined ? {} : { after: cursor }) });
      for (const entry of page.entries) {
        const name = entry.key.slice(RECORD_PREFIX.length);
        try {
          records.set(name, parseRecord(entry));
        } catch (error) {
          corrupt.set(name, pluginErrors.recordCorrupt(name, error));
        }
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
    return { epoch, records, corrupt };
  }
}

function recordOps(change: PluginChange): Op[] {
  if ("remove" in change) return [{ type: "delete", key: RECORD_PREFIX + change.remove }];
  const records = "put" in change ? [change.put] : change.putAll;
  return records.map((record) => ({
    type: "put",
    key: RECORD_PREFIX + record.manifest.name,
    value: encodeUtf8(JSON.stringify(record)),
  }));
}

function parseRecord({ value }: KvEntry): PluginRecord {
  return pluginRecordSchema.parse(JSON.parse(decodeUtf8(value)));
}
