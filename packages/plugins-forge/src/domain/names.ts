import { forgeErrors } from "../errors.js";
import { FORGE_LIMITS } from "../limits.js";

/** No dot at an end, so that neither `..` nor a name that some file system changes is one. */
const NAME = /^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_-])?$/;

/** True for the name of an owner or a repository. It is part of URLs and keys, so few characters are allowed. */
export function isRepositoryName(text: unknown): text is string {
  return (
    typeof text === "string" &&
    text.length <= FORGE_LIMITS.nameCharacters &&
    NAME.test(text) &&
    !/\.(git|lock)$/i.test(text)
  );
}

/** @throws AspenError `INVALID_PARAMS` */
export function assertRepositoryName(field: string, text: unknown): asserts text is string {
  if (isRepositoryName(text)) return;
  const rule = `must have 1 to ${FORGE_LIMITS.nameCharacters} letters, digits, "_", "-" or ".", begin with no "-" or ".", end with no ".", and not with ".git" or ".lock"`;
  throw forgeErrors.invalid(field, rule);
}
