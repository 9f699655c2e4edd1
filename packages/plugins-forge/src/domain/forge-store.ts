/** One stored value. */
export interface StoredValue {
  readonly value: Uint8Array;
  readonly version: number;
}

export type ForgeCheck = { key: string; version: number } | { key: string; value: null };

export type ForgeOp = { type: "put"; key: string; value: Uint8Array } | { type: "delete"; key: string };

/** An event in the transaction of the change that it speaks of. */
export interface ForgeEvent {
  readonly topic: string;
  readonly subject: string;
  readonly data: object;
}

/** What the forge needs of a key-value store: the same in the plugin and in the node's process. */
export interface ForgeStore {
  /** In the order of `keys`, at most 1,000. */
  getMany(keys: readonly string[]): Promise<(StoredValue | null)[]>;
  scan(options: {
    prefix: string;
    after?: string;
    limit: number;
  }): Promise<{ entries: (StoredValue & { key: string })[]; cursor?: string }>;
  /** Applies all when every check holds, or nothing. */
  transact(transaction: {
    checks: readonly ForgeCheck[];
    ops: readonly ForgeOp[];
    events?: readonly ForgeEvent[];
  }): Promise<{ ok: boolean }>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** A fresh random id of a few letters and digits. */
  newId(): Promise<string>;
}
