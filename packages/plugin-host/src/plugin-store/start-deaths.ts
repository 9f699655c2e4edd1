import { codeHash } from "./code-hash.js";
import { AUDIT_TRAIL, quarantined } from "./plugin-audit.js";
import type { PluginRecord } from "./plugin-record.js";
import type { PluginStore } from "./plugin-store.js";
import type { StartNote } from "./start-notes.js";

/**
 * Draws the conclusion from the notes that a dead node left, in one transaction: what it was starting is suspect; what
 * was suspect already, and was the only thing that it was starting, is quarantined. A code that is not installed (the
 * node died during its first installation, or an update) needs no mark. A quarantine is in the audit trail. Returns the
 * records that were marked.
 */
export async function settleDeath(store: PluginStore, node: string): Promise<PluginRecord[]> {
  let marked: PluginRecord[] = [];
  await store.change(async ({ records }) => {
    marked = [];
    const left = (await store.startNotes.all()).filter(({ note }) => note.node === node);
    // Another node was faster.
    if (left.length === 0) return null;
    for (const { note } of left) {
      const record = records.get(note.plugin);
      if (record && codeHash(record) === note.codeHash) marked.push(afterDeath(record, note, left.length === 1));
    }
    const newly = marked.filter(
      ({ manifest: { name }, startDeath }) =>
        startDeath?.verdict === "quarantined" && records.get(name)?.startDeath?.verdict !== "quarantined",
    );
    const at = Date.parse(store.now());
    const told = newly.map((record) => AUDIT_TRAIL.op(quarantined(record), at));
    return {
      putAll: marked,
      checks: left.map(({ check }) => check),
      ops: [...left.map(({ remove }) => remove), ...told],
    };
  });
  return marked;
}

/** Takes the suspicion from a code that a node has survived. */
export async function clearSuspicion(store: PluginStore, of: Pick<StartNote, "plugin" | "codeHash">): Promise<void> {
  await store.change(({ records }) => {
    const record = records.get(of.plugin);
    if (!record || codeHash(record) !== of.codeHash || record.startDeath?.verdict !== "suspect") return null;
    return { put: { ...record, startDeath: null } };
  });
}

function afterDeath(record: PluginRecord, { host, pid, startedAt }: StartNote, alone: boolean): PluginRecord {
  const before = record.startDeath?.verdict;
  const verdict = before === "quarantined" || (before === "suspect" && alone) ? "quarantined" : "suspect";
  return { ...record, startDeath: { verdict, host, pid, startedAt } };
}
