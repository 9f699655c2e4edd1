import type { StandardSchema } from "./standard-schema.js";

/** The version of JSON Schema that `rpc.describe` shows (https://json-schema.org/draft/2020-12). */
const TARGET = "draft-2020-12";

/** The part of a Standard JSON Schema (version 1, https://standardschema.dev/json-schema) that is used. */
interface StandardJsonSchema {
  readonly "~standard": {
    readonly jsonSchema: Record<"input" | "output", (options: { target: string }) => Record<string, unknown>>;
  };
}

/**
 * JSON Schema of what may be given to `schema`, or of what it gives. Undefined when its vendor offers none, or when it
 * cannot be said in JSON Schema.
 */
export function jsonSchemaOf(
  schema: StandardSchema | undefined,
  side: "input" | "output",
): Record<string, unknown> | undefined {
  if (!schema || !offersJsonSchema(schema)) return undefined;
  try {
    return schema["~standard"].jsonSchema[side]({ target: TARGET });
  } catch {
    // By the standard it throws for what JSON Schema cannot say, such as the outcome of a transformation.
    return undefined;
  }
}

function offersJsonSchema(schema: object): schema is StandardJsonSchema {
  const { jsonSchema } = (schema as StandardJsonSchema)["~standard"] as { jsonSchema?: unknown };
  return typeof jsonSchema === "object" && jsonSchema !== null;
}
