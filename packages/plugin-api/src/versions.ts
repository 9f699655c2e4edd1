import semver from "semver";

/** Negative when `a` comes before `b`, positive when it comes after, 0 when both are the same (semver.org, section 11). */
export function compareVersions(a: string, b: string): number {
  return semver.compare(a, b);
}
