import { ERROR_TABLE } from "@aspen/plugin-api";
import type { DescribedMethod } from "@aspen/rpc-core";
import { NDJSON_TYPE } from "./ndjson.js";

type Json = Record<string, unknown>;

const JSON_MEDIA = "application/json";
const ERROR_REF = { $ref: "#/components/responses/Error" };

/** Answers of every method that are no result. */
const ERROR_SCHEMA: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "details", "requestId"],
      properties: {
        code: {
          type: "string",
          description: "One of docs/errors.md, or a plugin's own.",
          examples: Object.keys(ERROR_TABLE).slice(0, 3),
        },
        message: { type: "string", description: "What happened, to what, and what to do." },
        details: { type: "object" },
        requestId: { type: "string", description: "Under which the node's log has the request." },
      },
    },
  },
};

const BATCH_PATH: Json = {
  post: {
    operationId: "rpc.batch",
    summary: "Calls several methods; the answers are in the order of the calls, each with its result or its own error.",
    requestBody: {
      required: true,
      content: {
        [JSON_MEDIA]: {
          schema: {
            type: "array",
            minItems: 1,
            items: {
              type: "object",
              required: ["method"],
              properties: { method: { type: "string" }, params: {}, id: { type: ["string", "number", "null"] } },
              additionalProperties: false,
            },
          },
        },
      },
    },
    responses: {
      200: {
        description: "The answers.",
        content: {
          [JSON_MEDIA]: {
            schema: {
              type: "array",
              items: {
                type: "object",
                properties: {
                  id: { type: ["string", "number", "null"] },
                  result: {},
                  error: { $ref: "#/components/schemas/Error/properties/error" },
                },
              },
            },
          },
        },
      },
      default: ERROR_REF,
    },
  },
};

/** The methods as an OpenAPI document (https://spec.openapis.org/oas/v3.1.1); of patterns such as `mail.*` nothing can be said. */
export function openApi(methods: readonly DescribedMethod[], version: string): Json {
  const schemas: Record<string, unknown> = { Error: ERROR_SCHEMA };
  const paths: Record<string, unknown> = { "/rpc": BATCH_PATH };
  for (const described of methods) {
    if (described.method.endsWith(".*")) continue;
    paths[`/rpc/${described.method}`] = { post: operation(described, schemas) };
  }
  return {
    openapi: "3.1.1",
    info: { title: "Aspen node", version, description: "Methods of this node, as rpc.describe has them." },
    servers: [{ url: "/" }],
    // Callers on the machine itself may go without, unless the node asks them too.
    security: [{ token: [] }, {}],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      schemas,
      responses: {
        Error: {
          description: "The request was refused, or failed.",
          content: { [JSON_MEDIA]: { schema: { $ref: "#/components/schemas/Error" } } },
        },
      },
    },
  };
}

function operation(described: DescribedMethod, schemas: Record<string, unknown>): Json {
  const { method, summary, safe, params, result, item, streams, access } = described;
  const schema = (side: string, it: Readonly<Json> | undefined) =>
    it === undefined ? {} : hoisted(`${method}.${side}`, it, schemas);
  const lines = streams ? { [NDJSON_TYPE]: { schema: schema("item", item) } } : {};
  return {
    operationId: method,
    tags: [method.split(".", 1)[0]],
    ...(summary === undefined || summary === "" ? {} : { summary }),
    "x-aspen-access": access,
    "x-aspen-safe": safe,
    requestBody: {
      required: !mayBeEmpty(params),
      content: { [JSON_MEDIA]: { schema: schema("params", params) } },
    },
    responses: {
      200: {
        description: streams ? "The result; as lines, one item each, for who accepts them." : "The result.",
        content: { [JSON_MEDIA]: { schema: schema("result", result) }, ...lines },
      },
      default: ERROR_REF,
    },
  };
}

/** True when `{}` would do. */
function mayBeEmpty(params: Readonly<Json> | undefined): boolean {
  return !Array.isArray(params?.required) || params.required.length === 0;
}

/**
 * The schema with its own definitions among the components, and references to them there: a reference within a document
 * starts at the document, not at the schema.
 */
function hoisted(name: string, schema: Readonly<Json>, schemas: Record<string, unknown>): unknown {
  const { $defs = {}, $schema: _dialect, ...own } = schema;
  const at = (key: string) => `${name}.${key.replaceAll(/[^A-Za-z0-9._-]/g, "_")}`;
  let whole = false;
  const rewritten = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rewritten);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, it]) => {
        if (key !== "$ref" || typeof it !== "string") return [key, rewritten(it)];
        if (it === "#") {
          whole = true;
          return [key, `#/components/schemas/${name}`];
        }
        const [, definition, rest = ""] = /^#\/\$defs\/([^/]+)(\/.*)?$/.exec(it) ?? [];
        return [key, definition === undefined ? it : `#/components/schemas/${at(definition)}${rest}`];
      }),
    );
  };
  for (const [key, definition] of Object.entries($defs as Json)) schemas[at(key)] = rewritten(definition);
  const body = rewritten(own);
  if (!whole) return body;
  schemas[name] = body;
  return { $ref: `#/components/schemas/${name}` };
}
