import { setImmediate as nextTurn } from "node:timers/promises";
import { isAspenError, LIMITS } from "@aspen/plugin-api";
import type { Check, KeyValueStore, Op, Transaction, TxResult } from "@aspen/storage";
import { tryTransact } from "./outcome.js";

/** Changes, and bytes of their values, that go to the store in one transaction. */
const MOST_CHANGES = 100;
const MOST_BYTES = 512 * 1024;

export type Committed = TxResult | "unknown";

interface Waiting {
  readonly transaction: Transaction;
  resolve(result: Committed | Promise<Committed>): void;
  reject(error: unknown): void;
}

/**
 * Makes one transaction of those that come while another is under way, which saves a store their round trips or their
 * flushes. Each has its own outcome: one whose checks fail is left out of it. What they appended is not told.
 */
export class GroupCommit {
  readonly #waiting: Waiting[] = [];
  #busy = false;

  constructor(
    private readonly kv: KeyValueStore,
    /** Makes fewer operations of those of a transaction that do the same. */
    private readonly shorten: (ops: readonly Op[]) => Op[],
  ) {}

  /** As {@link tryTransact}. @throws AspenError what the store throws */
  transact(transaction: Transaction): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ transaction, resolve, reject });
      if (!this.#busy) void this.#commitAll();
    });
  }

  async #commitAll(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      // What follows from the outcomes of the last ones, or came in the same moment, comes along.
      await nextTurn();
      await this.#commit(this.#next());
    }
    this.#busy = false;
  }

  /** The first that wait, as many as fit together. */
  #next(): { members: Waiting[]; joined: Transaction } {
    const batch = new Batch();
    let count = 0;
    while (count < this.#waiting.length && batch.add(this.#waiting[count]!.transaction)) count += 1;
    return { members: this.#waiting.splice(0, count), joined: batch };
  }

  async #commit({ members, joined }: { members: Waiting[]; joined: Transaction }): Promise<void> {
    let result: Committed;
    try {
      result = await tryTransact(this.kv, { checks: joined.checks, ops: this.shorten(joined.ops) });
    } catch (error) {
      // What is wrong with one of them is not wrong with the others.
      if (members.length > 1 && !isAway(error)) await this.#apart(members);
      else for (const { reject } of members) reject(error);
      return;
    }
    if (result !== "unknown" && !result.ok && members.length > 1) await this.#apart(members);
    else for (const { resolve } of members) resolve(result);
  }

  async #apart(members: readonly Waiting[]): Promise<void> {
    await Promise.all(
      members.map(({ transaction, resolve, reject }) => tryTransact(this.kv, transaction).then(resolve, reject)),
    );
  }
}

/** Transactions that do the same together as one after the other. */
class Batch implements Transaction {
  readonly checks: Check[] = [];
  readonly ops: Op[] = [];
  readonly #checked = new Set<string>();
  readonly #written = new Map<string, Op>();
  #changes = 0;
  #bytes = 0;

  /** False: it does not fit. The first one always does. */
  add({ checks, ops }: Transaction): boolean {
    const bytes = ops.reduce((sum, op) => sum + ("value" in op ? op.value.length : 0), 0);
    if (this.#changes > 0 && !this.#fits(checks, ops, bytes)) return false;
    this.#changes += 1;
    this.#bytes += bytes;
    for (const check of checks) {
      this.#checked.add(check.key);
      this.checks.push(check);
    }
    for (const op of ops) {
      if (op.type !== "append") {
        if (this.#written.has(op.key)) continue;
        this.#written.set(op.key, op);
      }
      this.ops.push(op);
    }
    return true;
  }

  #fits(checks: readonly Check[], ops: readonly Op[], bytes: number): boolean {
    if (this.#changes >= MOST_CHANGES || this.#bytes + bytes > MOST_BYTES) return false;
    if (this.ops.length + ops.length > LIMITS.batchOps || this.checks.length + checks.length > LIMITS.batchOps)
      return false;
    // A check is of what was there before; a transaction that changes that has to come before, or after.
    if (checks.some(({ key }) => this.#checked.has(key) || this.#written.has(key))) return false;
    return ops.every((op) => op.type === "append" || (!this.#checked.has(op.key) && this.#repeats(op)));
  }

  /** True also when nobody wrote the key so far. */
  #repeats(op: Exclude<Op, { type: "append" }>): boolean {
    const before = this.#written.get(op.key);
    if (!before) return true;
    return isMark(before) && isMark(op);
  }
}

/** A key that says all by being there. */
function isMark(op: Op): boolean {
  return op.type === "put" && op.value.length === 0 && op.ttlMs === undefined;
}

function isAway(error: unknown): boolean {
  return isAspenError(error) && error.code === "STORE_UNAVAILABLE";
}
