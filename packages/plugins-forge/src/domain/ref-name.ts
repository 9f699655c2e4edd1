import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { FORGE_LIMITS } from "../limits.js";

/** What git-check-ref-format(1) forbids: control characters, space, and characters with a meaning of their own. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const FORBIDDEN = /[\u0000-\u0020\u007f~^:?*[\\\ufffd]|\.\.|@\{|\/\/|\/\.|\.\/|\.lock(\/|$)|[./]$/;

/** True for the full name of a ref below `refs/`, by the rules of git-check-ref-format(1). */
export function isRefName(name: string): boolean {
  return (
    /^refs\/[^/]+\/[^/]/.test(name) &&
    !FORBIDDEN.test(name) &&
    !name.includes("/.") &&
    encodeUtf8(name).length <= FORGE_LIMITS.refNameBytes
  );
}

export const ZERO_ID = "0".repeat(40);

/** True for the id of an object in SHA-1 repositories. */
export function isObjectId(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{40}$/.test(text);
}
