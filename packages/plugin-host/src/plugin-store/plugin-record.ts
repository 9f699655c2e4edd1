import {
  LIMITS,
  overridesSchema,
  type PluginManifest,
  type PluginOverrides,
  storedManifestSchema,
  withOverrides,
} from "@aspen/plugin-api";
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

/** One file of a plugin's code. */
export interface StoredArtifact {
  /** As the manifest's entry names it. */
  name: string;
  /** The blob that holds it. */
  hash: string;
  bytes: number;
  /** Tag by which the record references that blob. */
  tag: string;
}

/** One installed plugin, as every node that shares the store sees it. */
export interface PluginRecord {
  /** The plugin's own; `grantedManifest` is what it was granted. */
  manifest: PluginManifest;
  artifacts: StoredArtifact[];
  /** What was granted in place of what the manifest asks for. */
  overrides: PluginOverrides;
  /**
   * Name of the feature that installed it as its official plugin, or null. It says whom to ask, and gives nothing: what an
   * official plugin may, each node derives from the code and its own features.
   */
  official: string | null;
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

const artifactSchema = z.object({
  name: z.string().min(1).max(256),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(0),
  tag: z.string().min(1).max(256),
});

export const pluginRecordSchema: z.ZodType<PluginRecord> = z.object({
  manifest: storedManifestSchema,
  artifacts: z.array(artifactSchema).max(LIMITS.artifacts),
  overrides: overridesSchema,
  official: z.string().min(1).max(64).nullable(),
  config: z.record(z.string(), z.unknown()),
  enabled: z.boolean(),
  startDeath: startDeathSchema.nullable(),
  revision: z.uuid(),
  installedAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

/** The manifest under which a plugin runs. */
export function grantedManifest({ manifest, overrides }: Pick<PluginRecord, "manifest" | "overrides">): PluginManifest {
  return withOverrides(manifest, overrides);
}
