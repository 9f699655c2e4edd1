import type { Feature } from "@aspen/feature";
import { type ConfigProblem, nearest, problemsOf } from "../config/problems.js";
import { featureProblem } from "./feature-shape.js";
import { featureStep } from "./feature-step.js";
import type { KnownFeatures } from "./known-features.js";
import { loadFeature } from "./load-feature.js";
import { inOrder } from "./order-features.js";

/** A feature that is on, with its checked configuration. */
export interface SelectedFeature {
  readonly feature: Feature;
  readonly config: unknown;
}

export interface SelectFeaturesOptions {
  /** `features` of the configuration. */
  flags: Readonly<Record<string, boolean | Readonly<Record<string, unknown>>>>;
  /** Features of one's own. */
  own: readonly Feature[];
  known: KnownFeatures;
  /** Longest time that the import and the schema of one may take, in milliseconds. */
  limitMs: number;
}

export interface Selection {
  /** In the order of their start. */
  features: SelectedFeature[];
  /** Every feature that is known, and whether it is on. */
  on: Record<string, boolean>;
  problems: ConfigProblem[];
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Loads the features that are on, with what they require, puts them in order and checks their configurations.
 *
 * @throws AspenError `FEATURE_FAILED` when one cannot be loaded
 */
export async function selectFeatures({ flags, own, known, limitMs }: SelectFeaturesOptions): Promise<Selection> {
  const problems: ConfigProblem[] = [];
  const refuse = (name: string, rule: string) => problems.push({ field: `features.${name}`, rule });
  const given = new Map<string, Feature>();
  for (const [index, feature] of own.entries()) {
    const problem = featureProblem(feature);
    if (problem !== null) {
      problems.push({ field: `features[${index}]`, rule: `must be a Feature: ${problem}` });
      continue;
    }
    const { name } = feature;
    if (!NAME.test(name)) refuse(name, "is no name of a feature; use lower-case letters, digits and hyphens");
    if (given.has(name)) refuse(name, "is the name of two features that were passed; rename one");
    given.set(name, feature);
  }
  const names = [...new Set([...Object.keys(known), ...given.keys()])];
  for (const name of Object.keys(flags)) if (!names.includes(name)) refuse(name, nearest(name, names));

  const found = new Map<string, Feature>();
  const flagOf = (name: string) => (Object.hasOwn(flags, name) ? flags[name] : undefined);
  const knownAs = (name: string) => (Object.hasOwn(known, name) ? known[name] : undefined);
  const wanted = names.filter((name) => (flagOf(name) ?? (given.has(name) || knownAs(name)?.on)) !== false);
  for (const name of wanted) {
    const feature = await find(name);
    if (!feature) continue;
    // Nobody has asked for it: it goes with what it stands on.
    const isAsked = flagOf(name) !== undefined || given.has(name);
    if (!isAsked && feature.requires?.some((other) => flagOf(other) === false)) continue;
    found.set(name, feature);
    for (const other of feature.requires ?? []) {
      if (flagOf(other) === false) refuse(name, `requires ${other}, which is off (features.${other}: false)`);
      else if (!names.includes(other)) refuse(name, `requires ${other}, which ${nearest(other, names)}`);
      else if (!wanted.includes(other)) wanted.push(other);
    }
  }
  const { order, cycle } = inOrder(found);
  if (cycle) refuse(cycle[0]!, `requires itself: ${cycle.join(" → ")}`);
  const features: SelectedFeature[] = [];
  for (const feature of order) {
    const flag = flagOf(feature.name);
    const step = { feature: feature.name, step: "configuration schema", limitMs };
    const result = await featureStep(step, () =>
      feature.config["~standard"].validate(typeof flag === "object" ? flag : {}),
    );
    if (result.issues) problems.push(...problemsOf(result.issues, feature.config, `features.${feature.name}`));
    else features.push({ feature, config: result.value });
  }
  return { features, on: Object.fromEntries(names.map((name) => [name, found.has(name)])), problems };

  async function find(name: string): Promise<Feature | null> {
    const mine = given.get(name);
    const theirs = knownAs(name);
    if (!theirs) return mine!;
    const loaded = await loadFeature(name, theirs, limitMs);
    if ("missing" in loaded) {
      refuse(name, `its package is not installed; npm install ${loaded.missing}, or set it to false`);
      return null;
    }
    // Whoever imports a packaged feature may pass it as it is; another of its name would be taken for it.
    if (mine && mine !== loaded) refuse(name, `is the name of a feature of ${theirs.package}; rename the one passed`);
    return loaded;
  }
}
