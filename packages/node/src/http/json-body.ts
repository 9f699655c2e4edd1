import { jsonNestsDeeper, LIMITS } from "@aspen/plugin-api";
import { nodeErrors } from "../errors.js";

/**
 * The JSON value of a body; `{}` for an empty one.
 *
 * @throws AspenError `INVALID_PARAMS` when it is not UTF-8, not JSON or nests too deep
 */
export function parseJsonBody(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  let text: string;
  try {
    // biome-ignore lint/style/noRestrictedGlobals: the byte order mark of a document is left out
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw nodeErrors.bodyNotJson("it is not UTF-8");
  }
  if (text.trim() === "") return {};
  if (jsonNestsDeeper(text, LIMITS.jsonDepth)) throw nodeErrors.bodyTooDeep();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw nodeErrors.bodyNotJson(error instanceof Error ? error.message : String(error));
  }
}
