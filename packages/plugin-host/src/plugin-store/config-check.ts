import { createContext, runInContext } from "node:vm";
import type { PluginManifest } from "@aspen/plugin-api";
import type { Schema, ValidationResult } from "@cfworker/json-schema";
import { pluginErrors } from "../errors.js";

/** Milliseconds that a configuration may take to be checked; a hostile schema can ask for years. */
const CHECK_MS = 1000;
/** The keywords that say of a part only that something within it is wrong. */
const OF_A_PART = new Set(["properties", "items", "prefixItems", "additionalProperties", "allOf", "$ref", "contains"]);

/**
 * Checks what a plugin is to read as `config` against the `config_schema` of its manifest: JSON Schema, draft 2020-12. The
 * schema is the plugin's own, so it is interpreted, never compiled, and stopped when it takes too long.
 *
 * @throws AspenError `CONFIG_INVALID`, whose `details.problems` are `{field, rule}`; `MANIFEST_INVALID` when the schema is none
 */
export async function assertConfig(
  { name, config_schema: schema }: Pick<PluginManifest, "name" | "config_schema">,
  config: Record<string, unknown>,
): Promise<void> {
  if (schema === undefined) return;
  const { Validator } = await import("@cfworker/json-schema");
  let result: ValidationResult;
  try {
    const run = () => new Validator(schema as Schema, "2020-12", false).validate(config);
    result = runInContext("run()", createContext({ run }), { timeout: CHECK_MS }) as ValidationResult;
  } catch (error) {
    throw pluginErrors.schemaUnusable(name, error);
  }
  if (result.valid) return;
  const problems = result.errors
    .filter(({ keyword }) => !OF_A_PART.has(keyword))
    .map(({ instanceLocation, error }) => ({ field: fieldOf(instanceLocation), rule: error }));
  throw pluginErrors.configInvalid(
    name,
    problems.length > 0 ? problems : [{ field: "config", rule: "is not allowed" }],
  );
}

/** `config.mail.to` of the JSON pointer `#/mail/to`. */
function fieldOf(pointer: string): string {
  const parts = pointer.split("/").slice(1);
  return ["config", ...parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))].join(".");
}
