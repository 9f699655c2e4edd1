import type { StandardIssue, StandardSchema } from "@aspen/rpc-core";
import { closest, distance } from "fastest-levenshtein";

/** One broken rule of a configuration. */
export interface ConfigProblem {
  /** `features.plugins-wasm.graceMs`; `(root)` for the whole. */
  field: string;
  rule: string;
}

/** What a schema said, field by field; a key that it does not know is named beside the nearest one that it does. */
export function problemsOf(issues: readonly StandardIssue[], schema: StandardSchema, at = ""): ConfigProblem[] {
  return issues.flatMap((issue) => {
    const path = keysOf(issue);
    const { code, keys } = issue as { code?: unknown; keys?: unknown };
    // Zod names the unknown keys of an object beside its path; others end the path with the key.
    if (code === "unrecognized_keys" && Array.isArray(keys)) {
      return keys.map((key) => unknownKey(at, [...path, String(key)], knownKeys(schema, path) ?? []));
    }
    const known = knownKeys(schema, path.slice(0, -1));
    const key = path.at(-1);
    if (key !== undefined && known && !known.includes(key)) return [unknownKey(at, path, known)];
    return [{ field: field(at, path), rule: issue.message }];
  });
}

/** The end of a sentence on a name that is not known. */
export function nearest(name: string, known: readonly string[]): string {
  if (known.length === 0) return "is not known; there is nothing to set here";
  const candidate = closest(name, known);
  if (distance(name, candidate) <= Math.max(2, name.length / 2)) return `is not known; did you mean ${candidate}?`;
  return `is not known; there are ${known.join(", ")}`;
}

function unknownKey(at: string, path: readonly string[], known: readonly string[]): ConfigProblem {
  return { field: field(at, path), rule: nearest(path.at(-1)!, known) };
}

function field(at: string, path: readonly string[]): string {
  return [at, ...path].filter((part) => part !== "").join(".") || "(root)";
}

function keysOf({ path = [] }: StandardIssue): string[] {
  return path.map((segment) => String(typeof segment === "object" ? segment.key : segment));
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  additionalProperties?: unknown;
}

/** The part of Standard JSON Schema (https://standardschema.dev/json-schema) that is needed here. */
interface WithJsonSchema {
  jsonSchema?: { input(options: { target: string }): unknown };
}

/** The keys that the schema has at this path; null when it does not say, or takes any. */
function knownKeys(schema: StandardSchema, path: readonly string[]): string[] | null {
  let here: JsonSchema | undefined;
  try {
    here = (schema["~standard"] as WithJsonSchema).jsonSchema?.input({ target: "draft-2020-12" }) as JsonSchema;
  } catch {
    // Not every schema can be written as JSON Schema; then its own message has to do.
    return null;
  }
  for (const key of path) here = here?.properties?.[key];
  return here?.properties && here.additionalProperties !== true ? Object.keys(here.properties) : null;
}
