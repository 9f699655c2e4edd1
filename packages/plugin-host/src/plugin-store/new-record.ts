import { randomUUID } from "node:crypto";
import type { PluginRecord } from "./plugin-record.js";

/** The record of a plugin that is installed at `now`, ISO 8601. */
export function newRecord(
  parts: Pick<PluginRecord, "manifest" | "artifacts" | "overrides" | "official" | "config">,
  now: string,
): PluginRecord {
  return { ...parts, enabled: true, startDeath: null, revision: randomUUID(), installedAt: now, updatedAt: now };
}
