import { every, type Loop } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import type { Failures } from "./failures.js";
import { encodeBeat, encodeRecord, type MemberInfo, type MemberRecord } from "./member.js";
import type { MembershipOptions } from "./options.js";

/** A membership of one's own: says again and again that it lives, and joins anew when others took it for dead. */
export class JoinedMember implements AsyncDisposable {
  readonly #ended = new AbortController();
  #info: MemberInfo;
  #record: Uint8Array | null = null;
  #incarnation = 0;
  #beating: Loop | null = null;
  /** Writes of its record, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #left: Promise<void> | undefined;

  constructor(
    private readonly kv: KeyValueStore,
    private readonly options: Required<MembershipOptions>,
    private readonly failures: Failures,
    info: MemberInfo,
    private readonly load: () => number,
  ) {
    this.#info = info;
  }

  get id(): string {
    return this.#info.id;
  }

  /** Another one after it was taken for dead. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** Aborted when it has left, or with `MEMBERSHIP_OVER` when another has joined under its id. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** For {@link Membership.join} alone. */
  async begin(): Promise<void> {
    encodeRecord({ ...this.#info, incarnation: 1 });
    await this.#inTurn(() => this.#enter());
    this.#beating = every(this.options.beatMs, () => this.#beat(), {
      signal: this.signal,
      onError: (error) => this.failures.failed("beat", error),
    });
  }

  /** Says something new of itself. @throws AspenError as `join` */
  update(change: Partial<Omit<MemberInfo, "id">>): Promise<void> {
    return this.#inTurn(async () => {
      if (this.signal.aborted) throw layersErrors.membershipOver(this.id, "it has left");
      const info = { ...this.#info, ...change };
      await this.#write({ ...info, incarnation: this.#incarnation });
      this.#info = info;
    });
  }

  /** Is gone for all others at once. A second call does nothing. @throws AspenError what the store throws; it is gone after the TTL then */
  leave(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  /** The store was seen to have this record under its id. For {@link Membership} alone. */
  seen(record: MemberRecord | null): void {
    if (this.signal.aborted || !this.#beating) return;
    if (record && record.incarnation > this.#incarnation) {
      this.#ended.abort(layersErrors.membershipOver(this.id, "another has joined under its id"));
    } else if (!record) {
      this.#inTurn(() => this.#enterAgain()).then(
        () => this.failures.worked("enter"),
        (error) => this.failures.failed("enter", error),
      );
    }
  }

  async #enterAgain(): Promise<void> {
    // What was seen may be older than what was written since.
    if (!this.signal.aborted && !(await this.kv.get(this.#recordKey))) await this.#enter();
  }

  /** The version of a write only grows, so that it makes a number for the incarnation. */
  async #enter(): Promise<void> {
    this.#incarnation = await this.kv.put(this.#beatKey, encodeBeat({ incarnation: 0, load: this.load() }));
    await this.#write({ ...this.#info, incarnation: this.#incarnation });
    await this.#beat();
  }

  async #beat(): Promise<void> {
    await this.kv.put(this.#beatKey, encodeBeat({ incarnation: this.#incarnation, load: this.load() }));
    this.failures.worked("beat");
  }

  async #write(record: MemberRecord): Promise<void> {
    const value = encodeRecord(record);
    await this.kv.put(this.#recordKey, value);
    this.#record = value;
  }

  async #leave(): Promise<void> {
    const replaced = this.signal.aborted;
    this.#ended.abort(layersErrors.membershipOver(this.id, "it has left"));
    await this.#beating?.[Symbol.asyncDispose]();
    await this.#turn;
    if (replaced || !this.#record) return;
    const { ok } = await this.kv.compareAndSwap(this.#recordKey, this.#record, null);
    if (ok) await this.kv.delete(this.#beatKey);
  }

  get #recordKey(): string {
    return this.options.recordPrefix + this.id;
  }

  get #beatKey(): string {
    return this.options.beatPrefix + this.id;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
