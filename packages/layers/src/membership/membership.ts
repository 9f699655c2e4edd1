import { every, type Loop } from "@aspen/plugin-api";
import type { KeyValueStore, KvEntry } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import { Failures } from "./failures.js";
import { JoinedMember } from "./joined-member.js";
import { decodeRecord, type MemberInfo } from "./member.js";
import { type MembershipOptions, resolveMembershipOptions } from "./options.js";
import { type Member, type Remains, Roster } from "./roster.js";

/** Milliseconds between two looks at the signs of life, for each member that there is: what all looks cost stays bounded. */
const LOOK_MS_PER_MEMBER = 10;

/**
 * Who shares a store, and what each of them serves. A record for each, which is watched; a sign of life beside it, which is
 * not, so that a thousand members do not wake each other. A member that leaves is gone at once, one that dies within
 * `ttlMs` + `beatMs`, or + 10 ms for each member where that is more.
 */
export class Membership implements AsyncDisposable {
  readonly #kv: KeyValueStore;
  readonly #options: Required<MembershipOptions>;
  readonly #failures: Failures;
  readonly #roster: Roster;
  readonly #ended = new AbortController();
  readonly #listeners = new Set<(members: readonly Member[]) => void>();
  #own: JoinedMember | null = null;
  #looking: Loop | null = null;
  #following: Promise<void> = Promise.resolve();
  #shown = "";

  private constructor(kv: KeyValueStore, options: MembershipOptions) {
    this.#kv = kv;
    this.#options = resolveMembershipOptions(options);
    this.#failures = new Failures(this.#options);
    this.#roster = new Roster(this.#options.ttlMs, this.#options.beatMs);
  }

  /**
   * Follows who is there, from the answer on, until it is disposed. Those whose record is in the store at that moment count
   * as members until they have been silent for `ttlMs`.
   *
   * @throws AspenError `INVALID_PARAMS`, or what the store throws
   */
  static async open(kv: KeyValueStore, options: MembershipOptions = {}): Promise<Membership> {
    const membership = new Membership(kv, options);
    try {
      await membership.#begin();
    } catch (error) {
      await membership[Symbol.asyncDispose]();
      throw error;
    }
    return membership;
  }

  /** In the order of their ids, itself among them once it has joined; the same array until something changes. */
  members(): readonly Member[] {
    return this.#roster.members();
  }

  /**
   * Calls `listener` with the members now, and whenever one has come, gone, said something new of itself, or become
   * healthy or not; a change of load alone is not told. Returns what ends that.
   */
  watch(listener: (members: readonly Member[]) => void): () => void {
    this.#listeners.add(listener);
    this.#shown = shownOf(this.members());
    listener(this.members());
    return () => this.#listeners.delete(listener);
  }

  /**
   * Becomes a member, until that is disposed. `load` is asked for with each sign of life.
   *
   * @throws AspenError `INVALID_PARAMS`, `PAYLOAD_TOO_LARGE`, `MEMBERSHIP_OVER` for a second member or after the end, or
   * what the store throws
   */
  async join(info: MemberInfo, load: () => number = () => 0): Promise<JoinedMember> {
    if (this.#own && !this.#own.signal.aborted)
      throw layersErrors.membershipOver(info.id, "this one has joined already");
    if (this.#ended.signal.aborted) throw layersErrors.membershipOver(info.id, "the membership is closed");
    const own = new JoinedMember(this.#kv, this.#options, this.#failures, info, load);
    this.#own = own;
    try {
      await own.begin();
    } catch (error) {
      this.#own = null;
      throw error;
    }
    return own;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    this.#listeners.clear();
    await this.#looking?.[Symbol.asyncDispose]();
    await this.#following;
    await this.#own?.[Symbol.asyncDispose]();
  }

  async #begin(): Promise<void> {
    if (this.#options.sole) await this.#clear();
    await new Promise<void>((resolve, reject) => {
      this.#following = this.#follow(resolve, reject);
    });
    await this.#look();
    this.#looking = every(this.#options.beatMs, () => this.#lookInTurn(), {
      signal: this.#ended.signal,
      onError: (error) => this.#failures.failed("look", error),
    });
  }

  async #clear(): Promise<void> {
    const { recordPrefix, beatPrefix } = this.#options;
    for (const prefix of [recordPrefix, beatPrefix]) {
      for (const key of (await this.#scan(prefix)).keys()) await this.#kv.delete(prefix + key);
    }
  }

  /** Follows the records until the end; a watch that fails is begun anew. The first that fails ends it. */
  async #follow(synced: () => void, failed: (error: unknown) => void): Promise<void> {
    let first = true;
    while (!this.#ended.signal.aborted) {
      try {
        await this.#watchOnce(() => {
          first = false;
          this.#failures.worked("follow");
          synced();
        });
      } catch (error) {
        if (first) return failed(error);
        this.#failures.failed("follow", error);
        await waited(this.#options.beatMs, this.#ended.signal);
      }
    }
  }

  async #watchOnce(synced: () => void): Promise<void> {
    const { recordPrefix } = this.#options;
    let snapshot: Set<string> | null = new Set();
    for await (const event of this.#kv.watch(recordPrefix, { signal: this.#ended.signal })) {
      if (event.type === "synced") {
        for (const id of this.#roster.ids()) if (!snapshot?.has(id)) this.#gone(id);
        if (this.#own && !snapshot?.has(this.#own.id)) this.#own.seen(null);
        snapshot = null;
        synced();
        this.#tell();
        continue;
      }
      const id = event.key.slice(recordPrefix.length);
      const record = event.type === "delete" ? null : decodeRecord(id, event.value);
      // What is no record stands for nobody; whoever it was has written over its own.
      if (!record || event.type === "delete") this.#gone(id);
      else {
        snapshot?.add(id);
        this.#roster.put(record, event.value);
        if (id === this.#own?.id) this.#own.seen(record);
      }
      if (!snapshot) this.#tell();
    }
  }

  #gone(id: string): void {
    this.#roster.remove(id);
    if (id === this.#own?.id) this.#own.seen(null);
  }

  /** Waits longer the more members there are. */
  async #lookInTurn(): Promise<void> {
    const { beatMs } = this.#options;
    await waited(this.#lookMs() - beatMs, this.#ended.signal);
    if (!this.#ended.signal.aborted) await this.#look();
  }

  #lookMs(): number {
    return Math.max(this.#options.beatMs, this.#roster.ids().length * LOOK_MS_PER_MEMBER);
  }

  async #look(): Promise<void> {
    this.#roster.look(await this.#scan(this.#options.beatPrefix), this.#lookMs());
    this.#tell();
    // One of them is enough, and it does not matter when two take themselves for it.
    if (this.#own && this.members()[0]?.id === this.#own.id) {
      for (const remains of this.#roster.remains()) await this.#bury(remains);
    }
    this.#failures.worked("look");
  }

  /** Removes what a member has left, unless it has come back. */
  async #bury({ id, value, beat }: Remains): Promise<void> {
    const { recordPrefix, beatPrefix } = this.#options;
    if (value && id !== this.#own?.id) await this.#kv.compareAndSwap(recordPrefix + id, value, null);
    if (beat === null) return;
    const key = beatPrefix + id;
    await this.#kv.transact({ checks: [{ key, version: beat }], ops: [{ type: "delete", key }] });
  }

  async #scan(prefix: string): Promise<Map<string, KvEntry>> {
    const found = new Map<string, KvEntry>();
    let after: string | undefined;
    do {
      const page = await this.#kv.scan({ prefix, limit: 10_000, ...(after === undefined ? {} : { after }) });
      for (const entry of page.entries) found.set(entry.key.slice(prefix.length), entry);
      after = page.cursor;
    } while (after !== undefined && !this.#ended.signal.aborted);
    return found;
  }

  #tell(): void {
    if (this.#listeners.size === 0) return;
    const members = this.members();
    const shown = shownOf(members);
    if (shown === this.#shown) return;
    this.#shown = shown;
    for (const listener of this.#listeners) listener(members);
  }
}

/** What listeners are told of. */
function shownOf(members: readonly Member[]): string {
  return JSON.stringify(members.map(({ load: _, ...rest }) => rest));
}

/** Resolves after so many milliseconds, or when the signal aborts. */
function waited(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || ms <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener("abort", done, { once: true });
  });
}
