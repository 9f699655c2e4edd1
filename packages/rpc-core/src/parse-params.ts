import { isUtf8 } from "node:buffer";
import { decodeUtf8, jsonProblem, LIMITS } from "@aspen/plugin-api";
import { rpcErrors } from "./errors.js";
import type { JsonBytes } from "./json-bytes.js";

/**
 * The value of params in bytes.
 *
 * @throws AspenError `INVALID_PARAMS` when they are no JSON in UTF-8, nest deeper than `LIMITS.jsonDepth` or have a
 * number that no double holds; `PAYLOAD_TOO_LARGE` when they have more than `LIMITS.jsonValues` values and keys
 */
export function parseParams({ bytes }: JsonBytes): unknown {
  if (!isUtf8(bytes)) throw rpcErrors.badBody("it is not UTF-8");
  const found = jsonProblem(bytes, { depth: LIMITS.jsonDepth, values: LIMITS.jsonValues });
  if (found?.reason === "values") throw rpcErrors.tooManyValues(found.problem);
  if (found) throw rpcErrors.badBody(found.problem);
  return JSON.parse(decodeUtf8(bytes));
}
