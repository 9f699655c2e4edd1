import { HOST_FUNCTIONS, type HostFunctionSpec } from "./abi/host-functions.js";
import { familyOf } from "./permissions.js";

/** The permissions that neither a host function nor a field of the manifest uses in this API version. */
export function unusedPermissions(
  permissions: readonly string[],
  table: readonly HostFunctionSpec[] = HOST_FUNCTIONS,
): string[] {
  const used = table.flatMap(({ permission }) => {
    if (permission === null) return [];
    return [typeof permission === "string" ? permission : permission.family];
  });
  // What a manifest's subscriptions need.
  const known = new Set<string>([...used, "hooks:subscribe"]);
  return permissions.filter((permission) => !known.has(familyOf(permission) ?? permission));
}

/** What the author, and whoever grants the permissions, should know although no rule is broken: one sentence each. */
export function manifestWarnings({ permissions }: { permissions: readonly string[] }): string[] {
  return unusedPermissions(permissions).map(
    (permission) =>
      `the permission ${permission} allows nothing: no host function uses it yet; take it out of "permissions" in plugin.json, because a later node may give it a meaning`,
  );
}
