import { randomUUID } from "node:crypto";
import type { PluginRecord } from "./plugin-record.js";

/** The record of a plugin that is installed now. */
export function newRecord(
  parts: Pick<PluginRecord, "manifest" | "artifacts" | "overrides" | "official" | "config">,
): PluginRecord {
  const now = new Date().toISOString();
  return { ...parts, enabled: true, startDeath: null, revision: randomUUID(), installedAt: now, updatedAt: now };
}
