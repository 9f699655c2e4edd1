import type { Feature } from "@aspen/feature";
import type { Store } from "@aspen/storage";
import type { StoreLocation } from "@aspen/storage/open";
import { KNOWN_FEATURES, type KnownFeatures } from "../composition/known-features.js";
import { type SelectedFeature, selectFeatures } from "../composition/select-features.js";
import { nodeErrors } from "../errors.js";
import { flagsSchema, type NodeConfig, type NodeSettings, nodeConfigSchema } from "./node-config.js";
import { type ConfigProblem, problemsOf } from "./problems.js";

export interface ResolveConfigOptions {
  /** A store that is open; then the configuration names none. */
  store?: Store | undefined;
  /** Features of one's own. @default [] */
  features?: readonly Feature[] | undefined;
}

/** A configuration that was checked, with the defaults filled in. */
export interface ResolvedNodeConfig extends NodeSettings {
  /** In the order of their start. */
  features: readonly SelectedFeature[];
  /** Every feature that is known, and whether it is on. */
  flags: Readonly<Record<string, boolean>>;
}

/**
 * Checks a configuration, loads the features that it asks for, and checks the part of each.
 *
 * @throws AspenError `CONFIG_INVALID` naming every field, `FEATURE_FAILED` when a feature cannot be loaded
 */
export async function resolveConfig(
  config: NodeConfig,
  { store, features = [] }: ResolveConfigOptions = {},
  known: KnownFeatures = KNOWN_FEATURES,
): Promise<ResolvedNodeConfig> {
  const parsed = nodeConfigSchema.safeParse(config);
  const problems: ConfigProblem[] = parsed.success ? [] : problemsOf(parsed.error.issues, nodeConfigSchema);
  if (parsed.success) problems.push(...(await storeProblems(parsed.data, store)));
  const flags = flagsSchema.safeParse(config?.features ?? {});
  if (!parsed.success && !flags.success) throw nodeErrors.configInvalid(problems);
  const { serviceStartMs: limitMs } = parsed.data?.limits ?? nodeConfigSchema.parse({}).limits;
  const selection = await selectFeatures({ flags: flags.data!, own: features, known, limitMs });
  problems.push(...selection.problems);
  if (!parsed.success || problems.length > 0) throw nodeErrors.configInvalid(problems);
  return { ...parsed.data, features: selection.features, flags: selection.on };
}

/** The store that a resolved configuration names, when none was passed: exactly one is named then. */
export function storeLocation({ dataDir, redisUrl }: ResolvedNodeConfig): StoreLocation {
  return dataDir === undefined ? { driver: "redis", url: redisUrl! } : { driver: "embedded", directory: dataDir };
}

async function storeProblems({ dataDir, redisUrl }: NodeSettings, store: Store | undefined): Promise<ConfigProblem[]> {
  const named = [dataDir, redisUrl].filter((it) => it !== undefined).length;
  if (store && named > 0) {
    const field = dataDir === undefined ? "redisUrl" : "dataDir";
    return [{ field, rule: "must be left out, because a store is passed" }];
  }
  if (redisUrl !== undefined && named === 1) return redisProblems(redisUrl);
  if (store || named === 1) return [];
  const rule =
    "exactly one of dataDir (a directory for the embedded store) and redisUrl must be given, or a store be passed";
  return [{ field: "dataDir", rule }];
}

async function redisProblems(url: string): Promise<ConfigProblem[]> {
  // Its client is for those who have such a store.
  const { parseRedisUrl } = await import("@aspen/storage/redis");
  try {
    parseRedisUrl(url);
    return [];
  } catch (error) {
    return [{ field: "redisUrl", rule: (error as Error).message.replace(/^url /, "") }];
  }
}
