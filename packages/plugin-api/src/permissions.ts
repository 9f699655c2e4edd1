/** Permissions without an argument. */
export const SIMPLE_PERMISSIONS = [
  "kv:read",
  "kv:write",
  "blob:read",
  "blob:write",
  "events:emit",
  "hooks:subscribe",
  "timers",
  "signing",
  "randomness",
  "cluster:info",
] as const;

/** Permissions that take an argument after the last colon: `rpc:call:forge.*`, `jobs:submit:shell`, `http:api.example.com`. */
export const PARAMETERISED_PERMISSIONS = ["rpc:call:", "jobs:submit:", "http:"] as const;

export type SimplePermission = (typeof SIMPLE_PERMISSIONS)[number];
export type Permission = SimplePermission | `${(typeof PARAMETERISED_PERMISSIONS)[number]}${string}`;

/** True when `value` is a permission that a manifest may ask for. */
export function isPermission(value: string): value is Permission {
  if ((SIMPLE_PERMISSIONS as readonly string[]).includes(value)) return true;
  const family = PARAMETERISED_PERMISSIONS.find((prefix) => value.startsWith(prefix));
  return family !== undefined && /^[A-Za-z0-9*][A-Za-z0-9_.*:-]{0,127}$/.test(value.slice(family.length));
}
