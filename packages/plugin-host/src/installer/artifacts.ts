import { randomUUID } from "node:crypto";
import { artifactsOf, LIMITS, type PluginManifest, pluginApiErrors } from "@aspen/plugin-api";
import { blobHash } from "@aspen/storage";
import { codeTag } from "../blob-tags.js";
import { pluginErrors } from "../errors.js";
import type { StoredArtifact } from "../plugin-store/plugin-record.js";

/** A file of a plugin's code. */
export interface ArtifactFile {
  /** As the manifest's entry names it: `plugin.wasm`. */
  name: string;
  content: Uint8Array;
}

/** Artifacts that fit their manifest. */
export interface CheckedArtifacts {
  files: ReadonlyMap<string, Uint8Array>;
  /** As a record has them, under tags of their own. */
  stored: StoredArtifact[];
}

/**
 * Checks that `given` is what the manifest's entry needs, no more and no less.
 *
 * @param hashes what each must have, beside what the manifest says
 * @throws AspenError `INVALID_PARAMS`, `PAYLOAD_TOO_LARGE` `WASM_HASH_MISMATCH`, `ARTIFACT_HASH_MISMATCH`
 */
export function checkArtifacts(
  manifest: PluginManifest,
  given: readonly ArtifactFile[],
  hashes: ReadonlyMap<string, string> = new Map(),
): CheckedArtifacts {
  const plugin = manifest.name;
  const files = new Map(given.map(({ name, content }) => [name, content]));
  const wanted = artifactsOf(manifest);
  const names = wanted.map(({ name }) => name);
  const odd = given.find(({ name }) => !names.includes(name)) ?? (files.size < given.length ? given[0] : undefined);
  if (odd) throw pluginErrors.artifactOdd(plugin, odd.name, names);
  const change = randomUUID();
  const stored = wanted.map(({ name, hash: declared }, index): StoredArtifact => {
    const content = files.get(name);
    if (!content) throw pluginErrors.artifactMissing(plugin, name);
    if (content.length > LIMITS.artifactBytes) throw pluginErrors.tooLarge(plugin, name, content.length);
    const hash = blobHash(content);
    const expected = hashes.get(name) ?? hash;
    if (expected !== hash) throw pluginErrors.hashMismatch(plugin, name, expected, hash);
    if (declared !== undefined && declared !== hash) throw pluginApiErrors.hashMismatch(plugin, name, declared, hash);
    return { name, hash, bytes: content.length, tag: codeTag(plugin, `${change}:${index}`) };
  });
  return { files, stored };
}
