import { setTimeout as delay } from "node:timers/promises";
import { type Clock, systemClock } from "@aspen/feature";
import type { AuditEvent } from "@aspen/layers";
import { type AspenError, decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { Check, KeyValueStore, KvEntry, Op } from "@aspen/storage";
import { pluginErrors } from "../errors.js";
import { ConfiguredPlugins } from "./configured-plugins.js";
import { AUDIT_TRAIL } from "./plugin-audit.js";
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
  /** By name; those of this node's configuration are among them, in place of what is stored under their name. */
  records: ReadonlyMap<string, PluginRecord>;
  /** Records that cannot be read, by name. They can only be removed. */
  corrupt: ReadonlyMap<string, AspenError>;
}

/** What a change does to one plugin, or to several; `audit` is written into the trail with it. */
export type PluginChange =
  | { put: PluginRecord; audit?: AuditEvent }
  | { remove: string; audit?: AuditEvent }
  /** Puts several, and applies `ops` with them, where `checks` hold. All of one namespace with the records. */
  | { putAll: readonly PluginRecord[]; checks: readonly Check[]; ops: readonly Op[] };

export interface PluginStoreOptions {
  /** Those of this node's configuration; they are seen here and never stored. @default none */
  configured?: ConfiguredPlugins;
  /** What changes are dated by. @default `systemClock` */
  clock?: Clock;
}

/** The installed plugins in the store that all nodes share. */
export class PluginStore {
  /** Notes of the starts that are under way. */
  readonly startNotes: StartNotes;

  readonly configured: ConfiguredPlugins;
  readonly #clock: Clock;

  constructor(
    private readonly kv: KeyValueStore,
    { configured = new ConfiguredPlugins(), clock = systemClock }: PluginStoreOptions = {},
  ) {
    this.configured = configured;
    this.#clock = clock;
    this.startNotes = new StartNotes(kv);
  }

  /** The time of day, ISO 8601. */
  now(): string {
    return new Date(this.#clock.now()).toISOString();
  }

  /** Version of the last change, or null. */
  async epoch(): Promise<number | null> {
    return (await this.kv.get(EPOCH_KEY))?.version ?? null;
  }

  /** The same now, and after each change, until the signal aborts. @throws AspenError (from the loop) as a watch does */
  async *epochs(signal: AbortSignal): AsyncGenerator<number | null, void, undefined> {
    for await (const event of this.kv.watch(EPOCH_KEY, { signal })) {
      if (event.type === "synced" || event.key !== EPOCH_KEY) continue;
      yield event.type === "delete" ? null : event.version;
    }
  }

  /** @throws AspenError `INTERNAL` when its record cannot be read */
  async get(name: string): Promise<PluginRecord | null> {
    const configured = this.configured.get(name);
    if (configured) return configured.record;
    const entry = await this.kv.get(RECORD_PREFIX + name);
    if (!entry) return null;
    try {
      return parseRecord(entry);
    } catch (error) {
      throw pluginErrors.recordCorrupt(name, error);
    }
  }

  async snapshot(): Promise<PluginSnapshot> {
    const snapshot = await this.installed();
    const records = new Map(snapshot.records);
    for (const record of this.configured.records()) records.set(record.manifest.name, record);
    return { ...snapshot, records };
  }

  /**
   * That nothing installed has the name or the keys of a plugin of this node's configuration. Whoever changed that is there
   * to read it when a node starts; what is installed later is held instead.
   *
   * @throws AspenError `PLUGIN_NAME_TAKEN`, `PLUGIN_PREFIX_CONFLICT`
   */
  async assertConfigured(): Promise<void> {
    if (this.configured.records().length === 0) return;
    this.configured.assertBesideInstalled((await this.installed()).records.values());
  }

  /** What is stored alone. */
  async installed(): Promise<PluginSnapshot> {
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
   * @throws AspenError what `decide` throws, `PLUGIN_CONFIGURED` when it changes a plugin of this node's configuration, or
   * `KV_CONFLICT` when others were faster every time
   */
  async change(
    decide: (snapshot: PluginSnapshot) => PluginChange | null | Promise<PluginChange | null>,
  ): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const snapshot = await this.snapshot();
      const change = await decide(snapshot);
      if (!change) return;
      for (const name of changedNames(change)) this.configured.assertNot(name);
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
          ...("audit" in change && change.audit ? [AUDIT_TRAIL.op(change.audit, this.#clock.now())] : []),
          { type: "put", key: EPOCH_KEY, value: encodeUtf8(this.now()) },
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

function changedNames(change: PluginChange): string[] {
  if ("remove" in change) return [change.remove];
  return ("put" in change ? [change.put] : change.putAll).map(({ manifest }) => manifest.name);
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
