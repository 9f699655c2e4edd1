import { randomUUID } from "node:crypto";
import type { AuditActor } from "@aspen/layers";
import type { Logger } from "@aspen/plugin-api";
import type { BlobStore } from "@aspen/storage";
import { pluginErrors } from "../errors.js";
import { BY_NODE, changed, removed as gone } from "../plugin-store/plugin-audit.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot, PluginStore } from "../plugin-store/plugin-store.js";
import { assertNotNeeded } from "./conflicts.js";

/** What changing the installed plugins without starting any needs: no node. */
export interface PluginStoreParts {
  store: PluginStore;
  blobs: Pick<BlobStore, "removeReference">;
  logger: Pick<Logger, "warn">;
}

/**
 * Takes a plugin out of the store; its data stays, keys and blobs. Nodes of the store follow. The audit trail says who did it.
 *
 * @throws AspenError `PLUGIN_NOT_FOUND`, `PLUGIN_CONFIGURED`, or `PLUGIN_DEPENDENCY` when an enabled plugin needs it
 */
export async function removePlugin(parts: PluginStoreParts, name: string, by: AuditActor = BY_NODE): Promise<void> {
  let removed: PluginRecord | undefined;
  parts.store.configured.assertNot(name);
  await parts.store.change((snapshot) => {
    // What cannot be read does not say which code it had: that stays referenced.
    removed = snapshot.corrupt.has(name) ? undefined : recordOf(snapshot, name);
    assertNotNeeded(snapshot, name);
    return { remove: name, audit: gone(name, by) };
  });
  if (removed) await releaseCode(parts, removed);
}

/**
 * Notes in the store that no node runs a plugin; it stays installed. Nodes of the store follow.
 *
 * @throws AspenError `PLUGIN_NOT_FOUND`, `PLUGIN_CONFIGURED`, `PLUGIN_DEPENDENCY` when an enabled plugin needs it, or `INTERNAL` when its
 * record cannot be read
 */
export async function disablePlugin(
  { store }: Pick<PluginStoreParts, "store">,
  name: string,
  by: AuditActor = BY_NODE,
): Promise<void> {
  store.configured.assertNot(name);
  await store.change((snapshot) => {
    const before = recordOf(snapshot, name);
    assertNotNeeded(snapshot, name);
    const record = { ...revised(before, store.now()), enabled: false };
    return { put: record, audit: changed("disable", record, by) };
  });
}

/** Lets garbage collection have the code of a record that is not stored any more. What fails here only keeps a blob. */
export async function releaseCode(
  { blobs, logger }: Pick<PluginStoreParts, "blobs" | "logger">,
  { manifest, artifacts }: PluginRecord,
): Promise<void> {
  for (const { hash, tag } of artifacts) {
    try {
      await blobs.removeReference(hash, tag);
    } catch (error) {
      const fields = { plugin: manifest.name, hash, tag, err: error };
      logger.warn(fields, "code that is no longer needed stays in the blob store");
    }
  }
}

/** @throws AspenError `PLUGIN_NOT_FOUND`, or `INTERNAL` when its record cannot be read */
export function recordOf({ records, corrupt }: PluginSnapshot, name: string): PluginRecord {
  const record = records.get(name);
  if (record) return record;
  throw corrupt.get(name) ?? pluginErrors.notFound(name);
}

/** The same under a new revision, of `now`, ISO 8601. */
export function revised(record: PluginRecord, now: string): PluginRecord {
  return { ...record, revision: randomUUID(), updatedAt: now };
}
