import { CHANGES_KEPT } from "../../kv/watch.js";
import { breathe, throwIfCancelled } from "../../maintenance/signal.js";
import { decodeChange, decodeHead } from "./embedded-change-log.js";
import type { EmbeddedMaintenanceParts } from "./maintenance-parts.js";

const VERSION_AND_INDEX_BYTES = 12;

/** A namespace whose kept changes are damaged. */
export interface DamagedChanges {
  subject: string;
  /** Whether it is still so. */
  holds(): boolean;
  /** Drops all of it, in a write transaction. */
  mend(): void;
}

/** Checks the kept changes of every namespace, each namespace in one moment: they are few (see `watch.ts`). */
export async function* inspectChanges(
  parts: EmbeddedMaintenanceParts,
  signal: AbortSignal | undefined,
): AsyncGenerator<DamagedChanges> {
  const { changes } = parts.environment;
  let start: Buffer | null = null;
  for (;;) {
    throwIfCancelled(signal, "verifying");
    const from: Buffer | null = start;
    const [first] = parts.read(() => [...changes.getKeys({ ...(from ? { start: from } : {}), limit: 1 })]) as Buffer[];
    if (!first) return;
    const group = groupOf(Buffer.from(first));
    if (parts.read(() => isDamaged(parts, group))) {
      const bytes = group.subarray(2);
      yield {
        subject: bytes.toString("utf8"),
        holds: () => isDamaged(parts, group),
        mend: () => {
          for (const key of [...keysOf(parts, group)]) changes.removeSync(key);
        },
      };
    }
    start = groupEnd(group);
    if (start === null) return;
    await breathe(signal, "verifying");
  }
}

/** The head's key, with which every key of the namespace's changes begins; the whole key when it has another shape. */
function groupOf(key: Buffer): Buffer {
  const end = key.length < 2 ? key.length : 2 + key.readUInt16BE(0);
  return key.subarray(0, Math.min(end, key.length));
}

/** The least key behind the group; null when there is none. */
function groupEnd(group: Buffer): Buffer | null {
  const end = Buffer.from(group);
  for (let at = end.length - 1; at >= 0; at--) {
    if (end[at]! < 255) {
      end[at]! += 1;
      return end.subarray(0, at + 1);
    }
  }
  return null;
}

function* keysOf(parts: EmbeddedMaintenanceParts, group: Buffer): Generator<Buffer> {
  for (const key of parts.environment.changes.getKeys({ start: group })) {
    const bytes = key as Buffer;
    if (!bytes.subarray(0, group.length).equals(group)) return;
    yield Buffer.from(bytes);
  }
}

function isDamaged(parts: EmbeddedMaintenanceParts, group: Buffer): boolean {
  const { changes } = parts.environment;
  let found = 0;
  let bytes = 0;
  try {
    const stored = changes.getBinary(group);
    if (stored?.length !== 32) return [...keysOf(parts, group)].length > 0;
    const head = decodeHead(stored);
    for (const key of keysOf(parts, group)) {
      if (key.length === group.length) continue;
      const value = changes.getBinary(key);
      if (key.length !== group.length + VERSION_AND_INDEX_BYTES || !value) return true;
      decodeChange(0, Buffer.from(value));
      found += 1;
      bytes += value.length;
      // More than is ever kept: it is damaged, whatever the rest is.
      if (found > 2 * CHANGES_KEPT) return true;
    }
    return found !== head.count || bytes !== head.bytes;
  } catch (error) {
    // By its name, as a RangeError of Buffer may be of another realm.
    if ((error as Error).name === "RangeError") return true;
    throw error;
  }
}
