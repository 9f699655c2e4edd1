import type { KvEntry, Version } from "@aspen/storage";
import { decodeBeat, type MemberInfo, type MemberRecord } from "./member.js";

/** A member, as this process sees it. */
export interface Member extends MemberInfo {
  readonly incarnation: number;
  /** Requests under way, by its last sign of life. */
  readonly load: number;
  /** False when signs of life are overdue; after `ttlMs` it is no member any more. */
  readonly healthy: boolean;
}

interface Known {
  record: MemberRecord;
  value: Uint8Array;
  /** When the record, or a sign of life of its incarnation, was seen last. */
  seenAt: number;
  load: number;
}

interface KnownBeat {
  version: Version;
  /** When this very version was seen first. */
  seenAt: number;
}

/** What is left of a member that is gone. */
export interface Remains {
  id: string;
  /** Of its record, where there is one. */
  value: Uint8Array | null;
  /** Of its last sign of life, where there is one. */
  beat: Version | null;
}

/**
 * Who is there. It goes by when a sign of life was seen to change, on this process's monotonic clock: no two clocks are
 * compared, and one that stops takes nobody for dead.
 */
export class Roster {
  readonly #known = new Map<string, Known>();
  readonly #beats = new Map<string, KnownBeat>();
  #lookedAt: number | null = null;
  /** Until something changes: it is asked for with every request. */
  #members: readonly Member[] | null = null;

  constructor(
    private readonly ttlMs: number,
    private readonly beatMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** A record was read. True when it says something new. */
  put(record: MemberRecord, value: Uint8Array): boolean {
    const known = this.#known.get(record.id);
    if (known && Buffer.compare(known.value, value) === 0) return false;
    this.#members = null;
    const load = known?.record.incarnation === record.incarnation ? known.load : 0;
    this.#known.set(record.id, { record, value, seenAt: this.now(), load });
    return true;
  }

  /** A record is gone. True when it was there. */
  remove(id: string): boolean {
    this.#members = null;
    return this.#known.delete(id);
  }

  ids(): string[] {
    return [...this.#known.keys()];
  }

  record(id: string): MemberRecord | undefined {
    return this.#known.get(id)?.record;
  }

  /** All signs of life that the store has, by id. `everyMs` is the time between two such looks. */
  look(beats: ReadonlyMap<string, KvEntry>, everyMs: number): void {
    const now = this.now();
    this.#excuse(now, everyMs);
    this.#members = null;
    for (const [id, { version, value }] of beats) {
      if (this.#beats.get(id)?.version === version) continue;
      this.#beats.set(id, { version, seenAt: now });
      const beat = decodeBeat(value);
      const known = this.#known.get(id);
      if (!beat || !known || beat.incarnation !== known.record.incarnation) continue;
      known.seenAt = now;
      known.load = beat.load;
    }
    for (const id of this.#beats.keys()) if (!beats.has(id)) this.#beats.delete(id);
  }

  /** In the order of their ids; the same array until something changes. */
  members(): readonly Member[] {
    this.#members ??= this.#list();
    return this.#members;
  }

  #list(): Member[] {
    const now = this.#asOf();
    return [...this.#known.values()]
      .filter((known) => this.#lives(known, now))
      .map(({ record, load, seenAt }) => ({
        ...record,
        load,
        healthy: now - seenAt <= 2 * this.beatMs + this.beatMs / 2,
      }))
      .sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /** What can be removed from the store. */
  remains(): Remains[] {
    const now = this.#asOf();
    const gone: Remains[] = [...this.#known]
      .filter(([, known]) => !this.#lives(known, now))
      .map(([id, { value }]) => ({ id, value, beat: this.#beats.get(id)?.version ?? null }));
    for (const [id, { version, seenAt }] of this.#beats) {
      if (!this.#known.has(id) && now - seenAt > this.ttlMs) gone.push({ id, value: null, beat: version });
    }
    return gone;
  }

  /** The last look: while the store cannot be asked, everything stays as it was. */
  #asOf(): number {
    return this.#lookedAt ?? this.now();
  }

  #lives({ seenAt }: Known, now: number): boolean {
    return now - seenAt <= this.ttlMs;
  }

  /** A look that comes late says nothing of others: this process was stopped, or the store was away. */
  #excuse(now: number, everyMs: number): void {
    const lateMs = this.#lookedAt === null ? 0 : Math.max(0, now - this.#lookedAt - 1.5 * everyMs);
    this.#lookedAt = now;
    if (lateMs === 0) return;
    for (const known of this.#known.values()) known.seenAt = Math.min(now, known.seenAt + lateMs);
    for (const beat of this.#beats.values()) beat.seenAt = Math.min(now, beat.seenAt + lateMs);
  }
}
