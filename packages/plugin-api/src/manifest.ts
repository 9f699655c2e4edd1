import valid from "semver/functions/valid.js";
import validRange from "semver/ranges/valid.js";
import { z } from "zod";
import { SUPPORTED_API_VERSIONS } from "./abi/version.js";
import { brokenRules } from "./broken-rules.js";
import { pluginApiErrors } from "./errors.js";
import { LIMITS } from "./limits.js";
import { backgroundFields, backgroundProblems } from "./manifest-background.js";
import { entrySchema } from "./manifest-entry.js";
import { atMostBytes, grantedFields } from "./manifest-fields.js";
import { prefixProblem, withKvPrefixes } from "./namespaces.js";
import { isPermission } from "./permissions.js";

const pluginName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,63}$/, "must be 1 to 64 lower-case letters, digits and hyphens, starting with a letter");

const apiVersion = z.string().min(1).max(16);

const semverRange = z
  .string()
  .max(128)
  .refine((range) => validRange(range) !== null, "must be a semver range, such as ^1.2.0");

const dependencySchema = z.strictObject({
  name: pluginName.describe("Name of the plugin depended on."),
  version: semverRange.default("*").describe("Semver range its version must satisfy."),
  optional: z.boolean().default(false).describe("True when the plugin also works without it."),
});

/** The schema of `plugin.json`. Every limit it declares is enforced. */
export const manifestSchema = z.strictObject({
  $schema: z.string().optional().describe("Address of this schema, for editors."),
  name: pluginName.describe("Unique name of the plugin."),
  version: z
    .string()
    .refine((version) => valid(version) === version, "must be a semver version without build metadata, such as 1.2.3")
    .describe("Semver version of the plugin."),
  api_version: apiVersion.describe("Version of the plugin API it was built for."),
  entry: entrySchema
    .default({ kind: "wasm", source: "src/plugin.ts", wasm: "plugin.wasm" })
    .describe("Where the plugin's code lies, and which tier runs it."),
  wasm_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits")
    .optional()
    .describe("BLAKE3 hash of the wasm file; written by the build."),
  handles: z
    .array(
      z
        .string()
        .regex(
          /^[a-z][a-zA-Z0-9_-]*(\.[a-zA-Z][a-zA-Z0-9_-]*)*(\.\*)?$/,
          'must be a dotted method name such as "echo.say", or a prefix such as "echo.*"',
        )
        .max(128),
    )
    .min(1)
    .max(LIMITS.handles)
    .describe("RPC methods it answers: names, or prefixes ending in .*"),
  priority: grantedFields.priority.default(LIMITS.pluginPriorityDefault),
  kv_prefixes: grantedFields.kv_prefixes.default([]),
  permissions: z
    .array(z.string().refine(isPermission, "is not a permission that this API version knows"))
    .max(64)
    .default([])
    .describe("What it asks to be allowed; everything else is denied."),
  memory_limit: grantedFields.memory_limit.default(LIMITS.memoryDefault),
  execution_timeout_ms: grantedFields.execution_timeout_ms.default(LIMITS.timeoutDefaultMs),
  max_instances: grantedFields.max_instances.default(LIMITS.instancesDefault),
  isolation: z
    .enum(["instance", "call"])
    .default("instance")
    .describe("instance: state in memory lasts from call to call; call: every call gets a fresh instance."),
  ...backgroundFields,
  config_schema: z
    .record(z.string(), z.json())
    .refine(
      (schema) => atMostBytes(LIMITS.configSchemaBytes)(JSON.stringify(schema)),
      `must have at most ${LIMITS.configSchemaBytes} bytes as JSON`,
    )
    .optional()
    .describe(
      "JSON Schema (draft 2020-12) of what the plugin reads as config; checked at every installation and update.",
    ),
  dependencies: z.array(dependencySchema).max(LIMITS.dependencies).default([]).describe("Other plugins it needs."),
  description: z
    .string()
    .refine(atMostBytes(LIMITS.descriptionBytes), `must be at most ${LIMITS.descriptionBytes} bytes`)
    .optional()
    .describe("One sentence on what it does."),
  author: z.string().max(256).optional().describe("Who wrote it."),
  tags: z
    .array(z.string().min(1).refine(atMostBytes(LIMITS.tagBytes), `must be at most ${LIMITS.tagBytes} bytes`))
    .max(LIMITS.tags)
    .default([])
    .describe("Words to find it by."),
});

/** The schema of what a node may have stored: official plugins come before the others. */
export const storedManifestSchema = manifestSchema.extend({
  priority: z.int().min(LIMITS.officialPriorityMin).max(LIMITS.pluginPriorityMax).default(LIMITS.pluginPriorityDefault),
});

/** A manifest with every default filled in. */
export type PluginManifest = z.output<typeof manifestSchema>;
/** A manifest as an author writes it. */
export type PluginManifestInput = z.input<typeof manifestSchema>;

export interface ParseManifestOptions {
  /** @default those of this version */
  supportedApiVersions?: readonly string[];
  /**
   * It is the manifest of an official plugin: these reserved prefixes are its own, and its priority may be below that of
   * other plugins. @default the rules of other plugins
   */
  official?: { readonly reservedPrefixes: readonly string[] };
}

/**
 * Checks a parsed `plugin.json` against the schema and the rules that span fields, fills in the defaults.
 *
 * @throws AspenError `MANIFEST_INVALID`; `details.problems` lists every broken rule as `{field, rule}`.
 * @throws AspenError `API_VERSION_UNSUPPORTED` naming the version asked for and those served.
 * @throws AspenError `PLUGIN_PREFIX_CONFLICT` when a prefix is reserved.
 */
export function parseManifest(input: unknown, options: ParseManifestOptions = {}): PluginManifest {
  const supported = options.supportedApiVersions ?? SUPPORTED_API_VERSIONS;
  // First, because a manifest of another API version may well break the rules of this one.
  const asked = z.object({ name: pluginName.catch("(unnamed)"), api_version: apiVersion }).safeParse(input);
  if (asked.success && !supported.includes(asked.data.api_version)) {
    throw pluginApiErrors.apiVersionUnsupported(asked.data.name, asked.data.api_version, supported);
  }
  const parsed = (options.official ? storedManifestSchema : manifestSchema).safeParse(input);
  if (!parsed.success) throw pluginApiErrors.manifestInvalid(brokenRules(parsed.error, "the manifest"));
  const manifest = parsed.data;
  if (manifest.wasm_hash !== undefined && manifest.entry.kind !== "wasm") {
    throw pluginApiErrors.manifestInvalid([
      { field: "wasm_hash", rule: `belongs to wasm, not to ${manifest.entry.kind}` },
    ]);
  }
  const background = backgroundProblems(manifest);
  if (background.length > 0) throw pluginApiErrors.manifestInvalid(background);
  for (const prefix of manifest.kv_prefixes) {
    const problem = prefixProblem(manifest.name, prefix, options.official?.reservedPrefixes);
    if (problem) throw pluginApiErrors.prefixConflict(manifest.name, problem);
  }
  return manifest;
}

/** The key prefixes that a manifest grants. */
export function allowedKvPrefixes(manifest: Pick<PluginManifest, "name" | "kv_prefixes">): readonly string[] {
  return withKvPrefixes(manifest.name, manifest.kv_prefixes);
}

/** The files without which a plugin's entry cannot run: its artifacts, and their hashes where the manifest says them. */
export function artifactsOf({
  entry,
  wasm_hash: hash,
}: Pick<PluginManifest, "entry" | "wasm_hash">): { name: string; hash?: string }[] {
  if (entry.kind === "wasm") return [{ name: entry.wasm, ...(hash === undefined ? {} : { hash }) }];
  return entry.kind === "ipc" ? [{ name: entry.command }] : [];
}

/** The JSON Schema (draft 2020-12) that is published as `plugin.schema.json`. */
export function manifestJsonSchema(): Record<string, unknown> {
  return {
    $id: "plugin.schema.json",
    title: "Aspen plugin manifest",
    ...z.toJSONSchema(manifestSchema, { io: "input" }),
  };
}
