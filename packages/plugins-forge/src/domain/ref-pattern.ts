import { FORGE_LIMITS } from "../limits.js";

/**
 * True for a pattern of refs: the full name of one, in which `*` stands for a part of a segment and a final `/**` for
 * everything below.
 */
export function isRefPattern(text: unknown): text is string {
  return (
    typeof text === "string" &&
    text.length <= FORGE_LIMITS.patternCharacters &&
    /^refs\/(heads|tags|notes)\/[^\s~^:?[\\]+$/.test(text) &&
    // One star of a segment, so that a match takes no longer than the name is.
    text
      .split("/")
      .every((segment, at, all) => /^[^*]*\*?[^*]*$/.test(segment) || (segment === "**" && at === all.length - 1))
  );
}

export function refPatternMatches(pattern: string, ref: string): boolean {
  const wanted = pattern.split("/");
  const below = wanted.at(-1) === "**";
  if (below) wanted.pop();
  const segments = ref.split("/");
  if (below ? segments.length <= wanted.length : segments.length !== wanted.length) return false;
  return wanted.every((segment, at) => segmentMatches(segment, segments[at]!));
}

function segmentMatches(pattern: string, text: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === text;
  const [head, tail] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail);
}
