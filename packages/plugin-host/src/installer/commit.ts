import type { AuditEvent } from "@aspen/layers";
import { isAspenError } from "@aspen/plugin-api";
import type { BlobStore } from "@aspen/storage";
import { pluginErrors } from "../errors.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot } from "../plugin-store/plugin-store.js";
import type { PluginArtifact } from "../runtime.js";
import { type PluginStoreParts, releaseCode } from "./uninstall.js";

/** A change of one plugin that is to be stored. */
export interface PluginCommit {
  record: PluginRecord;
  /** Its artifacts; null when it keeps those that are stored. */
  files: PluginArtifact["files"] | null;
  /** What is written into the audit trail with it. */
  audit: AuditEvent;
  /** What it was decided on. */
  before: PluginRecord | undefined;
  /** The rules again, on the state of this moment: others may have come meanwhile. */
  recheck(snapshot: PluginSnapshot): void;
}

/**
 * Stores a change with its code, and lets go of the code before. When it throws, nothing has changed, unless it is
 * `OUTCOME_UNKNOWN`.
 *
 * @throws AspenError what `recheck` throws, or `KV_CONFLICT` when another change was faster
 */
export async function commitChange(
  parts: PluginStoreParts & { blobs: BlobStore },
  { record, files, audit, before, recheck }: PluginCommit,
): Promise<void> {
  const { store, blobs } = parts;
  const { name } = record.manifest;
  try {
    for (const { name: artifact, tag } of files ? record.artifacts : []) {
      await blobs.put(files!.get(artifact)!, { reference: tag });
    }
    await store.change((snapshot) => {
      recheck(snapshot);
      if (snapshot.records.get(name)?.revision !== before?.revision) throw pluginErrors.changedMeanwhile();
      return { put: record, audit };
    });
  } catch (error) {
    // A record that may be stored needs its code.
    const stored = isAspenError(error) && error.code === "OUTCOME_UNKNOWN";
    if (files && !stored) await releaseCode(parts, record);
    throw error;
  }
  if (files && before) await releaseCode(parts, before);
}
