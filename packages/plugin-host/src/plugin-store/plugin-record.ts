import { manifestSchema, type PluginManifest } from "@aspen/plugin-api";
import { z } from "zod";

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
  /** Another random one for every change; a node that runs another revision starts this one. */
  revision: string;
  /** ISO 8601. */
  installedAt: string;
  /** ISO 8601. */
  updatedAt: string;
}

export const pluginRecordSchema: z.ZodType<PluginRecord> = z.object({
  manifest: manifestSchema,
  wasmHash: z.string().regex(/^[0-9a-f]{64}$/),
  wasmBytes: z.int().min(0),
  wasmTag: z.string().min(1).max(256),
  config: z.record(z.string(), z.unknown()),
  enabled: z.boolean(),
  revision: z.uuid(),
  installedAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
