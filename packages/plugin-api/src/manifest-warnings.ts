import { HOST_FUNCTIONS, type HostFunctionSpec } from "./abi/host-functions.js";
import { familyOf } from "./permissions.js";

/** What a manifest's subscriptions need. */
const SUBSCRIBE = "hooks:subscribe";

/** The permissions that neither a host function nor a field of the manifest uses in this API version. */
export function unusedPermissions(
  permissions: readonly string[],
  table: readonly HostFunctionSpec[] = HOST_FUNCTIONS,
): string[] {
  const used = table.flatMap(({ permission }) => {
    if (permission === null) return [];
    return [typeof permission === "string" ? permission : permission.family];
  });
  const known = new Set<string>([...used, SUBSCRIBE]);
  return permissions.filter((permission) => !known.has(familyOf(permission) ?? permission));
}

/** What the author, and whoever grants the permissions, should know although no rule is broken: one sentence each. */
export function manifestWarnings({
  permissions,
  subscriptions = [],
}: {
  permissions: readonly string[];
  subscriptions?: readonly unknown[];
}): string[] {
  const warnings = unusedPermissions(permissions).map(
    (permission) =>
      `the permission ${permission} allows nothing: no host function uses it yet; take it out of "permissions" in plugin.json, because a later node may give it a meaning`,
  );
  if (!permissions.includes(SUBSCRIBE) || subscriptions.length > 0) return warnings;
  return [
    ...warnings,
    `the permission ${SUBSCRIBE} allows nothing: plugin.json has no "subscriptions"; name the topics there, or take it out of "permissions"`,
  ];
}
