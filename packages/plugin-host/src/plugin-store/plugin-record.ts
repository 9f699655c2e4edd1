import { manifestSchema, type PluginManifest } from "@aspen/plugin-api";
import { z } from "zod";

/** What became of nodes that started a plugin's code: one that died meanwhile may have died of it. */
export interface StartDeath {
  /**
   * `suspect`: a node died while it started this code, perhaps of something else; only a node that is itself starting
   * tries it again, alone. `quarantined`: a node died of that, too; no node starts it.
   */
  verdict: "suspect" | "quarantined";
  /** Where the last node ran that died. */
  host: string;
  pid: number;
  /** When it began that start; ISO 8601. */
  startedAt: string;
}

/** One installed plugin, as every node that shares the store sees it. */
export interface PluginRecord {
  manifest: PluginManifest;
  /** Blob that holds its wasm. */
  wasmHash: string;
  wasmBytes: number;
  /** Tag by which the record references that blob. */
  wasmTag: string;
  /** What the plugin reads through `config`. */
  config: Record<string, unknown>;
  /** False: installed, but not run by any node. */
  enabled: boolean;
  /** Nodes that died while they started this code; null when none did, or when that was lifted. */
  startDeath: StartDeath | null;
  /** Another random one for every change; a node that runs another revision starts this one. */
  revision: string;
  /** ISO 8601. */
  installedAt: string;
  /** ISO 8601. */
  updatedAt: string;
}

const startDeathSchema = z.object({
  verdict: z.enum(["suspect", "quarantined"]),
  host: z.string(),
  pid: z.int(),
  startedAt: z.iso.datetime(),
});

export const pluginRecordSchema: z.ZodType<PluginRecord> = z.object({
  manifest: manifestSchema,
  wasmHash: z.string().regex(/^[0-9a-f]{64}$/),
  wasmBytes: z.int().min(0),
  wasmTag: z.string().min(1).max(256),
  config: z.record(z.string(), z.unknown()),
  enabled: z.boolean(),
  startDeath: startDeathSchema.nullable().default(null),
  revision: z.uuid(),
  installedAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
