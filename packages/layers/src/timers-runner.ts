import { once, setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "@aspen/plugin-api";
import { isAspenError } from "@aspen/plugin-api/abi";
import { type KeyValueStore, storageErrors, type TxResult } from "@aspen/storage";
import { layersErrors } from "./errors.js";
import { type Lease, Leases } from "./lease.js";
import { encodeLast } from "./timers-definition.js";
import type { TimerEntry } from "./timers-entry.js";
import { TimerFollower } from "./timers-follower.js";
import { callHandler, type TickChanges, type TimerHandler, type TimerTick } from "./timers-handler.js";
import type { TimerKeys } from "./timers-keys.js";

export interface RunTimersOptions {
  /** Ends the run, as disposing of it does. @default none */
  signal?: AbortSignal;
  /** Gets what a handler or the store failed with; the run goes on. It must not throw. */
  onError(error: unknown, tick: Omit<TimerTick, "signal"> | null): void;
  /**
   * Handlers that run at the same time; those of one timer do only when one goes on after `timeoutMs`, in spite of its
   * signal. @default 64
   */
  concurrency?: number;
  /** Milliseconds after which a handler counts as failed. @default 60,000 */
  timeoutMs?: number;
  /** Calls of a handler with one tick before the tick is skipped. @default 10 */
  attempts?: number;
  /** Milliseconds before the second call; twice as many before each further one, at most 60,000. @default 1,000 */
  retryMs?: number;
  /** Milliseconds after which another node takes over from one that died; at least 100. @default 15,000 */
  leaseTtlMs?: number;
  /** Who holds the lease, for people who look into the store. @default "" */
  owner?: string;
  /** Milliseconds between two looks at the clock at most, as it may be set; no operation of the store. @default 1,000 */
  checkMs?: number;
}

/** Timers that run on this node until it is disposed of, which waits for the handlers at work, `timeoutMs` at most. */
export interface TimerRun extends AsyncDisposable {
  /** Whether this node has the cluster's ticks. */
  readonly holding: boolean;
}

const LONGEST_RETRY_MS = 60_000;
const MOST_MS = 2 ** 31 - 1;

interface Rest {
  /** The tick whose handler failed last, and how often it did; null when something else failed. */
  scheduledAt: number | null;
  failures: number;
  /** By `performance.now()`. */
  until: number;
}

export class TimerRunner implements TimerRun {
  readonly #kv: KeyValueStore;
  readonly #keys: TimerKeys;
  readonly #clock: Clock;
  readonly #handler: TimerHandler;
  readonly #options: Required<Omit<RunTimersOptions, "signal">>;
  readonly #ended = new AbortController();
  readonly #follower: TimerFollower;
  readonly #background: Promise<unknown>;
  /** Timers with a handler at work. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #resting = new Map<string, Rest>();
  #lease: Lease | null = null;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  /** What is due and waits for a place, the earliest last. */
  #due: TimerEntry[] = [];

  constructor(kv: KeyValueStore, keys: TimerKeys, clock: Clock, handler: TimerHandler, options: RunTimersOptions) {
    const { signal, onError, concurrency = 64, timeoutMs = 60_000, attempts = 10, retryMs = 1000 } = options;
    const { leaseTtlMs = 15_000, owner = "", checkMs = 1000 } = options;
    for (const [field, value] of Object.entries({ concurrency, timeoutMs, attempts, retryMs, checkMs })) {
      if (!(Number.isInteger(value) && value >= 1 && value <= MOST_MS)) {
        throw layersErrors.invalid(field, "must be a whole number from 1 to 2,147,483,647");
      }
    }
    this.#kv = kv;
    this.#keys = keys;
    this.#clock = clock;
    this.#handler = handler;
    this.#options = { onError, concurrency, timeoutMs, attempts, retryMs, leaseTtlMs, owner, checkMs };
    const leases = new Leases(kv, { owner, ttlMs: leaseTtlMs });
    // Each handler at work listens to it.
    setMaxListeners(0, this.#ended.signal);
    const soon = (): void => this.#lookSoon();
    this.#follower = new TimerFollower(kv, keys, clock.now(), soon, (error) => onError(error, null));
    const end = (): void => this.#end();
    signal?.addEventListener("abort", end, { once: true });
    this.#ended.signal.addEventListener("abort", () => signal?.removeEventListener("abort", end), { once: true });
    if (signal?.aborted) this.#end();
    this.#background = Promise.all([this.#follower.follow(this.#ended.signal, checkMs), this.#hold(leases)]);
  }

  get holding(): boolean {
    return this.#lease?.held === true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#background;
  }

  #end(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    this.#ended.abort();
  }

  /** Has the lease whenever it can. */
  async #hold(leases: Leases): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        await using lease = await leases.acquire(this.#keys.holder, signal);
        setMaxListeners(0, lease.signal);
        this.#lease = lease;
        this.#lookSoon();
        const over = AbortSignal.any([signal, lease.signal]);
        if (!over.aborted) await once(over, "abort");
        if (signal.aborted) await Promise.all(this.#busy.values());
        else this.#options.onError(lease.signal.reason, null);
      } catch (error) {
        if (signal.aborted && isAspenError(error) && error.code === "CANCELLED") break;
        this.#options.onError(error, null);
        await delay(this.#options.checkMs, undefined, { signal }).catch(() => undefined);
      } finally {
        this.#lease = null;
      }
    }
    await Promise.all(this.#busy.values());
  }

  /** Looks once for all that happens at once. */
  #lookSoon(): void {
    if (!this.#ended.signal.aborted) this.#soon ??= setImmediate(() => this.#look());
  }

  /** Starts what is due, the earliest first, and comes again when the next is due. */
  #look(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    this.#soon = undefined;
    const now = this.#clock.now();
    const monotonic = performance.now();
    let waitMs = this.#options.checkMs;
    this.#due = [];
    for (const entry of this.#follower.entries.values()) {
      if (this.#busy.has(entry.name) || (entry.record.scope === "cluster" && !this.holding)) continue;
      const restMs = (this.#resting.get(entry.name)?.until ?? monotonic) - monotonic;
      const dueMs = Math.max(entry.dueAt - now, restMs);
      if (dueMs <= 0) this.#due.push(entry);
      else waitMs = Math.min(waitMs, dueMs);
    }
    for (const name of this.#resting.keys()) if (!this.#follower.entries.has(name)) this.#resting.delete(name);
    this.#due.sort((a, b) => b.dueAt - a.dueAt);
    this.#startDue();
    // A handler may end the run before it waits for anything.
    if (this.#ended.signal.aborted) return;
    this.#timer = setTimeout(() => this.#look(), Math.ceil(waitMs));
  }

  #startDue(): void {
    while (this.#busy.size < this.#options.concurrency) {
      const entry = this.#due.pop();
      if (!entry) return;
      // One that was changed while it waited for a place is looked at anew.
      if (!this.#busy.has(entry.name) && this.#isCurrent(entry)) this.#start(entry);
    }
  }

  #isCurrent(entry: TimerEntry): boolean {
    return this.#follower.entries.get(entry.name) === entry;
  }

  #start(entry: TimerEntry): void {
    const lease = entry.record.scope === "cluster" ? this.#lease : null;
    const work = this.#fire(entry, lease)
      .catch((error: unknown) => this.#fail(entry.name, error, null))
      .finally(() => {
        this.#busy.delete(entry.name);
        if (this.#ended.signal.aborted) return;
        if (this.#due.length > 0) this.#startDue();
        else this.#lookSoon();
      });
    this.#busy.set(entry.name, work);
  }

  /** Runs the ticks of a timer that are due, as the store has it now. */
  async #fire(known: TimerEntry, lease: Lease | null): Promise<void> {
    const { name } = known;
    const keys = [this.#keys.definition(name), this.#keys.last(name)];
    const [definition, last] = lease ? await this.#kv.getMany(keys) : [null, null];
    const entry = lease ? this.#follower.refresh(name, definition?.value, last?.value) : known;
    if (!entry) this.#resting.delete(name);
    const due = entry?.due(this.#clock.now());
    if (!entry || !due || (lease === null) !== (entry.record.scope === "node")) return;
    let lastRaw = last?.value ?? null;
    const commit = async (at: number, { checks = [], ops, onCommitted }: Partial<TickChanges>): Promise<boolean> => {
      if (!lease || !definition) {
        if (ops?.length) assertApplied(await this.#kv.transact({ checks, ops }), 0, name);
      } else {
        const value = encodeLast(at);
        const own = [
          { key: keys[0]!, version: definition.version },
          { key: keys[1]!, value: lastRaw },
        ];
        const put = { type: "put" as const, key: keys[1]!, value };
        const result = await lease.fencedTransact({ checks: [...own, ...checks], ops: [put, ...(ops ?? [])] });
        // The timer was changed or removed meanwhile: what is due is counted anew.
        if (!result.ok && result.failed < own.length) return false;
        assertApplied(result, own.length, name);
        lastRaw = value;
      }
      entry.advance(at);
      // The timer may have been changed meanwhile: the tick was run all the same.
      const current = this.#follower.entries.get(name);
      if (!lease && current?.record.scope === "node") current.advance(at);
      this.#resting.delete(name);
      onCommitted?.();
      return true;
    };
    for (const at of due.run) {
      if (this.#ended.signal.aborted || (lease && !lease.held)) return;
      // Paused, changed or removed meanwhile, as far as is known here.
      if (!this.#isCurrent(entry)) return;
      if (!(await this.#runTick(entry, at, lease, commit))) return;
    }
    if (due.run.at(-1) !== due.newest) await commit(due.newest, {});
  }

  /** False when the rest of what is due has to wait. */
  async #runTick(
    { name, record }: TimerEntry,
    scheduledAt: number,
    lease: Lease | null,
    commit: (at: number, changes: Partial<TickChanges>) => Promise<boolean>,
  ): Promise<boolean> {
    const { attempts, timeoutMs } = this.#options;
    const failures = this.#failuresOf(name, scheduledAt);
    if (failures >= attempts) return commit(scheduledAt, {});
    const id = `${name}@${new Date(scheduledAt).toISOString()}`;
    const tick = { name, id, scheduledAt, payload: record.payload, attempt: failures + 1 };
    const signals = lease ? [this.#ended.signal, lease.signal] : [this.#ended.signal];
    try {
      const changes = await callHandler(this.#handler, tick, signals, timeoutMs);
      return await commit(scheduledAt, changes ?? {});
    } catch (error) {
      if (!gaveUp(error, signals)) this.#fail(name, error, tick);
      return false;
    }
  }

  #fail(name: string, error: unknown, tick: Omit<TimerTick, "signal"> | null): void {
    const scheduledAt = tick?.scheduledAt ?? this.#resting.get(name)?.scheduledAt ?? null;
    const failures = this.#failuresOf(name, scheduledAt) + (tick ? 1 : 0);
    const restMs = Math.min(this.#options.retryMs * 2 ** Math.max(0, failures - 1), LONGEST_RETRY_MS);
    this.#resting.set(name, { scheduledAt, failures, until: performance.now() + restMs });
    this.#options.onError(error, tick);
  }

  /** Of this very tick: what earlier ones failed with says nothing of it. */
  #failuresOf(name: string, scheduledAt: number | null): number {
    const rest = this.#resting.get(name);
    return rest && rest.scheduledAt === scheduledAt ? rest.failures : 0;
  }
}

/** True when the work stopped because it was told to. */
function gaveUp(error: unknown, signals: readonly AbortSignal[]): boolean {
  const named = error instanceof Error && error.name === "AbortError";
  return signals.some(({ aborted, reason }) => aborted && (named || error === reason));
}

function assertApplied(result: TxResult, own: number, name: string): void {
  if (!result.ok) throw storageErrors.conflict(`${name}, check ${result.failed - own}`, 1);
}
