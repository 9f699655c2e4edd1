import { HOST_FUNCTIONS } from "./abi/host-functions.js";

/** Those of `permissions` behind which there is nothing: no host function of this API version uses them. */
export function unusedPermissions(permissions: readonly string[]): string[] {
  const used = new Set<string | null>(HOST_FUNCTIONS.map(({ permission }) => permission));
  return permissions.filter((permission) => !used.has(permission));
}

/** What an author, or whoever grants a manifest, should know although it breaks no rule: one sentence each. */
export function manifestWarnings({ permissions }: { permissions: readonly string[] }): string[] {
  return unusedPermissions(permissions).map(
    (permission) =>
      `the permission ${permission} allows nothing: no host function uses it yet; take it out of "permissions" in plugin.json, because a later node may give it a meaning`,
  );
}
