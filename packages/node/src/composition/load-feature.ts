import type { Feature } from "@aspen/feature";
import { thrownError } from "@aspen/plugin-api";
import { nodeErrors } from "../errors.js";
import { featureProblem } from "./feature-shape.js";
import type { KnownFeature } from "./known-features.js";
import { within } from "./limit.js";

/**
 * A feature, or the name of its package when that is not installed.
 *
 * @throws AspenError `FEATURE_FAILED` when it fails in its import, takes longer than `limitMs` for that, or is none
 */
export async function loadFeature(
  name: string,
  known: KnownFeature,
  limitMs: number,
): Promise<Feature | { missing: string }> {
  let feature: Feature | undefined;
  try {
    const load = async () => {
      feature = (await known.load()).feature;
    };
    if (!(await within(limitMs, load, 0))) throw new Error(`it was not there within ${limitMs} ms`);
    const problem = featureProblem(feature, name);
    if (problem !== null) throw new Error(`its export "feature" is none: ${problem}`);
    return feature!;
  } catch (error) {
    if (isMissing(known.package, error)) return { missing: known.package };
    throw nodeErrors.featureFailed(name, known.package, error);
  }
}

/** Of another realm it is when a test runner says it. */
function readable(error: unknown): { code?: unknown; message: string } {
  const told = thrownError(error);
  return told === error ? told : ((told.cause ?? told) as Error);
}

/** True when the package itself is not there; a package that it imports is none of ours. */
function isMissing(name: string, error: unknown): boolean {
  const { code, message } = readable(error);
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return false;
  // Node: Cannot find package 'x' imported from …; require and test runners: Cannot find module 'x/y' from …
  const sought = /Cannot find (?:package|module) '([^']+)'/.exec(String(message))?.[1];
  return sought === name || sought?.startsWith(`${name}/`) === true;
}
