import { encodeUtf8, readU64, writeU64 } from "@aspen/plugin-api/abi";
import { storageErrors } from "../../errors.js";
import type { Version } from "../../kv/key-value-store.js";
import { Waiters } from "../../kv/waiters.js";
import { CHANGE_BYTES_KEPT, CHANGES_KEPT, type Change, type ChangeLog, WATCH_LEASE_MS } from "../../kv/watch.js";
import type { Environment } from "./lmdb/environment.js";

/**
 * The past of watched namespaces in LMDB, written in the transaction of the change itself. Keys begin with the
 * length of the namespace (2 bytes) and the namespace:
 * - with nothing after it, the head: lease until (ms), number of changes, their bytes, version after which all are kept;
 * - with version (8 bytes) and index (4 bytes): a change. Numbers of keys are big-endian.
 * A change is its kind (1 byte), the length of the key (2 bytes), the key and the value.
 */
const PUT = 1;
const DELETE = 2;
const EXPIRE = 3;

interface Head {
  /** By the wall clock, for a later process; this process uses its monotonic clock. */
  leasedUntil: number;
  count: number;
  bytes: number;
  /** The changes after this version are all kept. */
  from: Version;
}

export class EmbeddedChangeLog implements ChangeLog {
  /** Heads of the namespaces that this process has written or watched; null: not leased. */
  readonly #heads = new Map<string, Head | null>();
  readonly #appended = new Set<string>();
  /** Until when namespaces are leased, by the monotonic clock. */
  readonly #leases = new Map<string, number>();
  readonly #waiters = new Waiters();

  constructor(
    private readonly environment: Environment,
    private readonly parts: {
      /** Runs `work` in the next write transaction. */
      write<T>(work: () => T): Promise<T>;
      versionOf(namespace: string): Version;
    },
  ) {}

  /** False: nobody watches the namespace, and its changes need not be appended. Call it in a write transaction. */
  keeps(namespace: string): boolean {
    return this.#head(namespace) !== null;
  }

  /** Keeps the changes of one version. Call it in a write transaction. */
  append(namespace: string, changes: readonly Omit<Change, "version">[], version: Version): void {
    const head = this.#head(namespace);
    if (!head) return;
    if (!this.#isLeased(namespace, head)) {
      this.#forget(namespace, head);
      return;
    }
    for (const [index, change] of changes.entries()) {
      const value = encodeChange(change);
      this.environment.changes.putSync(changeKey(namespace, version, index), value);
      head.count += 1;
      head.bytes += value.length;
    }
    this.#trim(namespace, head);
    this.environment.changes.putSync(headKey(namespace), encodeHead(head));
    this.#appended.add(namespace);
  }

  /** Drops the changes because versions were skipped, so that watches begin anew. Call it in a write transaction. */
  discontinue(namespace: string): void {
    const head = this.#head(namespace);
    if (head) this.#forget(namespace, head);
    this.#appended.add(namespace);
  }

  /** A write transaction is committed: what was appended in it can be read. */
  committed(): void {
    for (const namespace of this.#appended) this.#waiters.wake(namespace);
    this.#appended.clear();
  }

  /** A write transaction was not applied: the heads are read anew. */
  rolledBack(): void {
    this.#heads.clear();
    this.#appended.clear();
  }

  lease(namespace: string): Promise<Version> {
    return this.parts.write(() => {
      const version = this.parts.versionOf(namespace);
      const old = this.#head(namespace);
      const valid = old && this.#isLeased(namespace, old);
      if (old && !valid) this.#forget(namespace, old);
      const head = valid ? old : { leasedUntil: 0, count: 0, bytes: 0, from: version };
      head.leasedUntil = Date.now() + WATCH_LEASE_MS;
      this.#leases.set(namespace, performance.now() + WATCH_LEASE_MS);
      this.#heads.set(namespace, head);
      this.environment.changes.putSync(headKey(namespace), encodeHead(head));
      return version;
    });
  }

  async read(namespace: string, after: Version, limit: number): Promise<Change[]> {
    // Throws when the store is closed: LMDB must not be asked then.
    this.parts.versionOf(namespace);
    const head = this.#head(namespace);
    if (!head || after < head.from) throw storageErrors.watchCompacted(namespace, after);
    const changes: Change[] = [];
    const start = changeKey(namespace, after + 1, 0);
    for (const { key, value } of this.environment.changes.getRange({ start })) {
      const version = versionOfKey(namespace, key as Buffer);
      if (version === null) break;
      if (changes.length >= limit && version !== changes.at(-1)!.version) break;
      changes.push(decodeChange(version, value as Buffer));
    }
    return changes;
  }

  async wait(namespace: string, after: Version, signal: AbortSignal): Promise<void> {
    if (this.parts.versionOf(namespace) <= after) await this.#waiters.wait(namespace, signal);
  }

  /** Ends every wait. */
  close(): void {
    this.#waiters.wake(null);
  }

  /** A lease of another process counts for as long as it had left when this process first looked. */
  #isLeased(namespace: string, { leasedUntil }: Head): boolean {
    const now = performance.now();
    let until = this.#leases.get(namespace);
    if (until === undefined) {
      until = now + Math.min(leasedUntil - Date.now(), WATCH_LEASE_MS);
      this.#leases.set(namespace, until);
    }
    return until >= now;
  }

  #head(namespace: string): Head | null {
    let head = this.#heads.get(namespace);
    if (head === undefined) {
      const bytes = this.environment.changes.getBinary(headKey(namespace));
      head = bytes ? decodeHead(bytes) : null;
      this.#heads.set(namespace, head);
    }
    return head;
  }

  /** Drops whole versions, the oldest first, until the rest is within the bounds. */
  #trim(namespace: string, head: Head): void {
    if (head.count <= CHANGES_KEPT && head.bytes <= CHANGE_BYTES_KEPT) return;
    for (const { key, value } of this.environment.changes.getRange({ start: changeKey(namespace, 0, 0) })) {
      const version = versionOfKey(namespace, key as Buffer);
      if (version === null) return;
      const whole = version !== head.from;
      if (whole && head.count <= CHANGES_KEPT && head.bytes <= CHANGE_BYTES_KEPT) return;
      this.environment.changes.removeSync(key as Buffer);
      head.count -= 1;
      head.bytes -= (value as Buffer).length;
      head.from = version;
    }
  }

  #forget(namespace: string, head: Head): void {
    for (const key of this.environment.changes.getKeys({ start: changeKey(namespace, 0, 0) })) {
      if (versionOfKey(namespace, key as Buffer) === null) break;
      this.environment.changes.removeSync(key as Buffer);
    }
    this.environment.changes.removeSync(headKey(namespace));
    this.#heads.set(namespace, null);
    this.#leases.delete(namespace);
    head.count = 0;
  }
}

function headKey(namespace: string): Buffer {
  const bytes = Buffer.from(namespace, "utf8");
  const key = Buffer.alloc(2 + bytes.length);
  key.writeUInt16BE(bytes.length);
  key.set(bytes, 2);
  return key;
}

function changeKey(namespace: string, version: Version, index: number): Buffer {
  const tail = Buffer.alloc(12);
  tail.writeBigUInt64BE(BigInt(version));
  tail.writeUInt32BE(index, 8);
  return Buffer.concat([headKey(namespace), tail]);
}

/** The version in a change's key; null when it is not one of the namespace. */
function versionOfKey(namespace: string, key: Buffer): Version | null {
  const head = headKey(namespace);
  if (key.length !== head.length + 12 || !key.subarray(0, head.length).equals(head)) return null;
  return Number(key.readBigUInt64BE(head.length));
}

function encodeChange({ key, value, expired }: Omit<Change, "version">): Buffer {
  const name = encodeUtf8(key);
  const bytes = Buffer.alloc(3 + name.length + (value?.length ?? 0));
  bytes[0] = value ? PUT : expired ? EXPIRE : DELETE;
  bytes.writeUInt16BE(name.length, 1);
  bytes.set(name, 3);
  if (value) bytes.set(value, 3 + name.length);
  return bytes;
}

export function decodeChange(version: Version, bytes: Buffer): Change {
  const end = 3 + bytes.readUInt16BE(1);
  const value = bytes[0] === PUT ? new Uint8Array(bytes.subarray(end)) : null;
  return { version, key: bytes.toString("utf8", 3, end), value, expired: bytes[0] === EXPIRE };
}

function encodeHead({ leasedUntil, count, bytes, from }: Head): Buffer {
  const out = Buffer.alloc(32);
  for (const [index, number] of [leasedUntil, count, bytes, from].entries()) writeU64(out, number, index * 8);
  return out;
}

export function decodeHead(bytes: Uint8Array): Head {
  const [leasedUntil, count, size, from] = [0, 8, 16, 24].map((offset) => readU64(bytes, offset)) as [
    number,
    number,
    number,
    number,
  ];
  return { leasedUntil, count, bytes: size, from };
}
