import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { decodeUtf8, isAspenError, jsonProblem, LIMITS } from "@aspen/plugin-api/abi";
import { type JsonBytes, rpcErrors } from "@aspen/rpc-core";

/**
 * A value as JSON with its numbers as they are: `JSON.stringify` makes 0 of -0 and null of what is not finite.
 *
 * @throws AspenError `INVALID_PARAMS` when it has a number that JSON cannot hold, or a BigInt or a circle, or is a
 * function or a symbol
 */
export function exactJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = hasNegativeZero(value) ? markedJson(value) : JSON.stringify(value);
  } catch (error) {
    if (isAspenError(error)) throw error;
    throw rpcErrors.paramsNotJson(error instanceof RangeError ? "they nest too deep, or in a circle" : error);
  }
  if (text === undefined) throw rpcErrors.paramsNotJson(`a ${typeof value} has no form in JSON`);
  return text;
}

function markedJson(value: unknown): string {
  const mark = randomUUID();
  const text = JSON.stringify(value, (_key, part) => (Object.is(part, -0) ? mark : part));
  return text.replaceAll(`"${mark}"`, "-0");
}

/** What is wrong with a JSON text of a request or an answer; null when nothing is. */
export function messageProblem(bytes: Uint8Array): string | null {
  if (bytes.length > LIMITS.messageBytes) return "it is over the size limit";
  if (!isUtf8(bytes)) return "it is not UTF-8";
  return jsonProblem(bytes, { depth: LIMITS.jsonDepth })?.problem ?? null;
}

/** The text of params in bytes. @throws AspenError `INVALID_PARAMS` when they are no JSON */
export function textOfJsonBytes({ bytes }: JsonBytes): string {
  const problem = messageProblem(bytes);
  if (problem !== null) throw rpcErrors.badBody(problem);
  return decodeUtf8(bytes);
}

/** @throws AspenError `INVALID_PARAMS` for a number that is not finite */
function hasNegativeZero(value: unknown): boolean {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw rpcErrors.notFinite(value);
    return Object.is(value, -0);
  }
  if (typeof value !== "object" || value === null || "toJSON" in value) return false;
  let found = false;
  for (const part of Object.values(value)) if (hasNegativeZero(part)) found = true;
  return found;
}
