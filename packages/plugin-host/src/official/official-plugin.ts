import {
  artifactsOf,
  LIMITS,
  NODE_PREFIXES,
  type PluginManifest,
  parseManifest,
  RESERVED_PREFIXES,
} from "@aspen/plugin-api";
import { pluginErrors } from "../errors.js";
import type { ArtifactFile } from "../installer/artifacts.js";

export interface OfficialPluginOptions {
  /** Name of the feature that brings it. */
  feature: string;
  /** The parsed `plugin.json` that its package ships. */
  manifest: unknown;
  /** BLAKE3 hash of each artifact, by name. @default `wasm_hash` of the manifest */
  hashes?: Readonly<Record<string, string>>;
  /** Reads its artifacts. Asked only when it is to be installed or updated. */
  files(): Promise<readonly ArtifactFile[]>;
  /** Reserved prefixes that are its own. @default none */
  reservedPrefixes?: readonly string[];
}

/**
 * A plugin that a feature of the node brings with itself. What it may beyond other plugins (reserved prefixes, a priority
 * from 500 to 699) belongs to this manifest with these artifacts, not to its name.
 */
export interface OfficialPlugin {
  readonly feature: string;
  readonly manifest: PluginManifest;
  readonly hashes: ReadonlyMap<string, string>;
  files(): Promise<readonly ArtifactFile[]>;
}

/**
 * @throws AspenError `MANIFEST_INVALID` when it breaks a rule that also official plugins keep, or `PLUGIN_PREFIX_CONFLICT`
 * when it asks for a reserved prefix that is not its own
 */
export function officialPlugin(options: OfficialPluginOptions): OfficialPlugin {
  const { feature, files, reservedPrefixes = [] } = options;
  const manifest = parseManifest(options.manifest, { official: { reservedPrefixes } });
  const { name, priority } = manifest;
  for (const prefix of reservedPrefixes) {
    if (NODE_PREFIXES.includes(prefix) || RESERVED_PREFIXES[prefix] === undefined) {
      throw pluginErrors.officialInvalid(name, `${prefix} is no prefix that is reserved for an official plugin`);
    }
  }
  if (priority > LIMITS.officialPriorityMax && priority < LIMITS.pluginPriorityMin) {
    const { officialPriorityMin, officialPriorityMax, pluginPriorityMin, pluginPriorityMax } = LIMITS;
    const ranges = `${officialPriorityMin} to ${officialPriorityMax}, or ${pluginPriorityMin} to ${pluginPriorityMax}`;
    throw pluginErrors.officialInvalid(name, `its priority ${priority} must be from ${ranges}`);
  }
  const artifacts = artifactsOf(manifest);
  // Without code there would be nothing to know it by.
  if (artifacts.length === 0) throw pluginErrors.officialInvalid(name, `its entry is ${manifest.entry.kind}`);
  const hashes = options.hashes ? new Map(Object.entries(options.hashes)) : declaredHashes(artifacts);
  if (hashes.size !== artifacts.length || artifacts.some((artifact) => !isHash(hashes.get(artifact.name)))) {
    const wanted = artifacts.map((artifact) => artifact.name).join(", ");
    throw pluginErrors.officialInvalid(name, `it must have a BLAKE3 hash for each of: ${wanted}`);
  }
  return { feature, manifest, hashes, files };
}

function declaredHashes(artifacts: ReturnType<typeof artifactsOf>): Map<string, string> {
  return new Map(artifacts.flatMap(({ name, hash }) => (hash === undefined ? [] : [[name, hash] as const])));
}

function isHash(hash: string | undefined): boolean {
  return hash !== undefined && /^[0-9a-f]{64}$/.test(hash);
}
