/** Longest path within a job's folder, and longest name of a file; bytes of UTF-8. */
export const PATH_BYTES = 1024;
export const NAME_BYTES = 255;

/**
 * Segments of a path that stays below a folder; none for the folder itself. A string: why it does not, the end of a
 * sentence.
 */
export function relativeSegments(path: string): string[] | string {
  if (path.includes("\0")) return "has a NUL character";
  if (path.startsWith("/")) return "is absolute";
  if (!path.isWellFormed() || path.includes("\uFFFD")) return "is no UTF-8";
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) return 'has a ".."';
  if (Buffer.byteLength(path) > PATH_BYTES) return `is longer than ${PATH_BYTES} bytes`;
  if (segments.some((segment) => Buffer.byteLength(segment) > NAME_BYTES)) {
    return `has a name longer than ${NAME_BYTES} bytes`;
  }
  return segments;
}

/** Whether what a link in a folder points to, read as text, lies below the root of `segments`, the link's own path. */
export function linkStays(segments: readonly string[], target: string): boolean {
  if (target.startsWith("/") || target.includes("\0") || target === "") return false;
  let depth = segments.length - 1;
  for (const segment of target.split("/")) {
    if (segment === "..") depth -= 1;
    else if (segment !== "" && segment !== ".") depth += 1;
    if (depth < 0) return false;
  }
  return true;
}
