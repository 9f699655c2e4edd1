import { type AuditActor, type AuditEvent, AuditTrail } from "@aspen/layers";
import type { PluginRecord } from "./plugin-record.js";
import { grantedManifest } from "./plugin-record.js";

/** Where the store keeps who changed what: beside the records, so that one transaction writes both. */
export const AUDIT_TRAIL = new AuditTrail({ prefix: "__sys:audit:" });

/** Whoever changes plugins without saying for whom: this node itself. */
export const BY_NODE: AuditActor = { kind: "node", id: "node" };

/** What is done to a plugin. */
export type PluginAction = "install" | "update" | "enable" | "disable" | "remove" | "reload";

/** What a change came to, and what it granted. */
export function changed(action: PluginAction, record: PluginRecord, by: AuditActor): AuditEvent {
  const { name, version, permissions, kv_prefixes: kvPrefixes } = grantedManifest(record);
  const hashes = record.artifacts.map(({ hash }) => hash);
  const granted = action === "install" || action === "update" ? { permissions, kvPrefixes, hashes } : {};
  return { action: `plugin.${action}`, subject: name, by, details: { version, ...granted } };
}

export function removed(name: string, by: AuditActor): AuditEvent {
  return { action: "plugin.remove", subject: name, by };
}

/** No node starts it any more: nodes died of its start. */
export function quarantined({ manifest: { name, version }, startDeath }: PluginRecord): AuditEvent {
  const { host, pid, startedAt } = startDeath ?? {};
  return { action: "plugin.quarantine", subject: name, by: BY_NODE, details: { version, host, pid, startedAt } };
}
