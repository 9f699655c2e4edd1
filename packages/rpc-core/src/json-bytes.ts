import { isUtf8 } from "node:buffer";
import { decodeUtf8, jsonProblem, LIMITS } from "@aspen/plugin-api";
import { rpcErrors } from "./errors.js";

/**
 * A JSON value as bytes in UTF-8 that nobody has parsed: how params and results pass a thread that has no use for
 * what is in them. Params as bytes may turn out not to be JSON; a result as bytes has been checked by who gives it.
 */
export class JsonBytes {
  constructor(readonly bytes: Uint8Array) {}
}

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
