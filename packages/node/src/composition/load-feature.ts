import type { Feature } from "@aspen/feature";
import { nodeErrors } from "../errors.js";
import type { KnownFeature } from "./known-features.js";

/** A feature, or the name of its package when that is not installed. @throws AspenError `FEATURE_FAILED` when it fails in its import */
export async function loadFeature(name: string, known: KnownFeature): Promise<Feature | { missing: string }> {
  try {
    return (await known.load()).feature;
  } catch (error) {
    if (isMissing(known.package, error)) return { missing: known.package };
    throw nodeErrors.featureFailed(name, known.package, error);
  }
}

/** True when the package itself is not there; a package that it imports is none of ours. */
function isMissing(name: string, error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return false;
  // Node: Cannot find package 'x' imported from …; require and test runners: Cannot find module 'x/y' from …
  const sought = /Cannot find (?:package|module) '([^']+)'/.exec(String(message))?.[1];
  return sought === name || sought?.startsWith(`${name}/`) === true;
}
