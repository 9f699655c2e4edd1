// No more of the library than is used: all of it is 48 files, which every run of a command would load.
import compare from "semver/functions/compare.js";

/** Negative when `a` comes before `b`, positive when it comes after, 0 when both are the same (semver.org, section 11). */
export function compareVersions(a: string, b: string): number {
  return compare(a, b);
}
