import { namespaceOf, readU64 } from "@aspen/plugin-api/abi";
import type { Row } from "../../kv/row.js";
import type { VerifyOptions } from "../../maintenance/contract.js";
import { type Finding, type FindingKind, finding, isMended, VERSION_GAP } from "../../maintenance/findings.js";
import { keyIn } from "../../maintenance/restorable.js";
import { throwIfCancelled } from "../../maintenance/signal.js";
import { inspectChanges } from "./change-check.js";
import { pagesOf } from "./lmdb/pages.js";
import { decodeRow, expiryKey, isIntact } from "./lmdb/rows.js";
import type { EmbeddedMaintenanceParts } from "./maintenance-parts.js";

/** One fault, and the function that mends it in a write transaction. */
interface Fault {
  kind: FindingKind;
  subject: string;
  mend(): void;
}

/**
 * One run over an LMDB environment. A page and what belongs to it are read in one transaction. The transaction that mends
 * a fault looks at it again.
 */
export class EmbeddedVerification {
  readonly #low = new Set<string>();

  constructor(
    private readonly parts: EmbeddedMaintenanceParts,
    private readonly options: VerifyOptions,
  ) {}

  async *run(): AsyncGenerator<Finding> {
    const { environment } = this.parts;
    const { signal, onProgress } = this.options;
    throwIfCancelled(signal, "verifying");
    const total = this.parts.read(() => (environment.rows.getStats() as { entryCount: number }).entryCount);
    let done = 0;
    for await (const page of pagesOf(this.parts, environment.versions, signal)) {
      for (const { key } of page) yield* this.#examine(() => this.#versionFaults(key));
    }
    for await (const page of pagesOf(this.parts, environment.rows, signal)) {
      for (const { key } of page) yield* this.#examine(() => this.#rowFaults(key));
      done += page.length;
      onProgress?.({ phase: "keys", done, total, unit: "keys" });
    }
    for await (const page of pagesOf(this.parts, environment.expiries, signal)) {
      for (const { key } of page) yield* this.#examine(() => this.#expiryFaults(key));
    }
    for await (const damaged of inspectChanges(this.parts, signal)) {
      yield* this.#examine(() => (damaged.holds() ? [{ kind: "changes-damaged", ...damaged }] : []));
    }
  }

  /** Finds faults in one moment. Mends those that are to be mended in one transaction, which finds them again. */
  async *#examine(find: () => Fault[]): AsyncGenerator<Finding> {
    const found = this.parts.read(find);
    if (found.length === 0) return;
    const mended = new Set<FindingKind>();
    if (found.some(({ kind }) => isMended(kind, this.options))) {
      await this.parts.write(() => {
        mended.clear();
        for (const fault of find()) {
          if (!isMended(fault.kind, this.options)) continue;
          fault.mend();
          mended.add(fault.kind);
        }
      });
      // The cached heads of changes may be older than the repair.
      this.parts.changes.rolledBack();
    }
    for (const { kind, subject } of found) {
      if (kind === "version-low" && this.#low.has(subject)) continue;
      if (kind === "version-low") this.#low.add(subject);
      yield finding(kind, subject, mended.has(kind));
    }
  }

  #versionFaults(key: Buffer): Fault[] {
    const { versions } = this.parts.environment;
    const bytes = versions.getBinary(key);
    if (!bytes) return [];
    const namespace = keyIn(key);
    if (namespace === null || namespaceOf(namespace) !== namespace) {
      return [{ kind: "namespace-invalid", subject: key.toString("utf8"), mend: () => versions.removeSync(key) }];
    }
    if (number(bytes) !== null && bytes.length === 8) return [];
    const mend = () => this.#raise(namespace, this.#highest(namespace));
    return [{ kind: "version-undecodable", subject: namespace, mend }];
  }

  #rowFaults(bytes: Buffer): Fault[] {
    const { rows, expiries, versions } = this.parts.environment;
    const stored = rows.getBinary(bytes);
    if (!stored) return [];
    const key = keyIn(bytes);
    if (key === null) {
      return [{ kind: "key-invalid", subject: bytes.toString("utf8"), mend: () => rows.removeSync(bytes) }];
    }
    const row = rowOf(stored);
    if (!row) return [{ kind: "row-undecodable", subject: key, mend: () => this.#remove(key, bytes) }];
    const faults: Fault[] = [];
    if (row.expiresAt !== 0 && !expiries.doesExist(expiryKey(row.expiresAt, bytes))) {
      const mend = () => expiries.putSync(expiryKey(row.expiresAt, bytes), Buffer.alloc(0));
      faults.push({ kind: "expiry-missing", subject: key, mend });
    }
    const namespace = namespaceOf(key);
    const counter = versions.getBinary(Buffer.from(namespace, "utf8"));
    const version = counter ? number(counter) : 0;
    if (version !== null && version < row.version) {
      faults.push({ kind: "version-low", subject: namespace, mend: () => this.#raise(namespace, row.version) });
    }
    return faults;
  }

  #expiryFaults(entry: Buffer): Fault[] {
    const { rows, expiries } = this.parts.environment;
    if (!expiries.doesExist(entry)) return [];
    const mend = () => expiries.removeSync(entry);
    const expiresAt = number(Buffer.from(entry.subarray(0, 8)).reverse());
    const key = keyIn(entry.subarray(8));
    if (expiresAt === null || key === null) {
      return [{ kind: "expiry-undecodable", subject: entry.toString("hex"), mend }];
    }
    // The next sweep removes expiries that are due.
    if (expiresAt <= Date.now()) return [];
    const stored = rows.getBinary(entry.subarray(8));
    const row = stored && rowOf(stored);
    if (row?.expiresAt === expiresAt) return [];
    // A row that cannot be read is a finding of its own.
    return stored && !row ? [] : [{ kind: "expiry-stale", subject: key, mend }];
  }

  /** Removes a row that nobody can read; watches are told. */
  #remove(key: string, bytes: Buffer): void {
    this.parts.environment.rows.removeSync(bytes);
    const namespace = namespaceOf(key);
    const counter = this.parts.environment.versions.getBinary(Buffer.from(namespace, "utf8"));
    // Without a readable version watches cannot be told; its repair makes them begin anew.
    if (counter && number(counter) === null) return;
    const version = this.parts.version(namespace) + 1;
    this.parts.setVersion(namespace, version);
    this.parts.log(version, [{ key, value: null }]);
  }

  #raise(namespace: string, highest: number): void {
    this.parts.setVersion(namespace, Math.min(highest + VERSION_GAP, Number.MAX_SAFE_INTEGER - 1));
    this.parts.changes.discontinue(namespace);
  }

  /** Highest version of the namespace's rows. */
  #highest(namespace: string): number {
    const start = Buffer.from(namespace, "utf8");
    let highest = 0;
    for (const { key, value } of this.parts.environment.rows.getRange({ start })) {
      const text = (key as Buffer).toString("utf8");
      if (!text.startsWith(namespace)) break;
      if (namespaceOf(text) === namespace) highest = Math.max(highest, rowOf(value as Buffer)?.version ?? 0);
    }
    return highest;
  }
}

/** Null for what cannot be read; expired rows can. */
function rowOf(bytes: Buffer): Row | null {
  return isIntact(bytes) ? decodeRow(bytes, 0, false) : null;
}

/** A little-endian number of 8 bytes; null when it is none that is safe. */
function number(bytes: Uint8Array): number | null {
  try {
    return readU64(bytes);
  } catch {
    // Null says so.
    return null;
  }
}
