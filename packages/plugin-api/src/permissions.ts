import { handlePatternMatches } from "./method-pattern.js";

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

/**
 * Permissions that take an argument after the last colon.
 * - `rpc:call:` a method: `forge.repo.create`, every method below a prefix (`forge.*`), or every method (`*`)
 * - `jobs:submit:` a job type, in the same three forms
 * - `http:` a host: `api.example.com`, every host below a domain but not the domain itself (`*.example.com`), or every
 *   host (`*`). Without a port it is the scheme's own; `api.example.com:8080` is another, `api.example.com:*` every port.
 *   This is the host source of Content Security Policy 3, section 2.3.1. An address, such as `10.1.2.3` or `[fd00::1]`,
 *   also opens that address when it is not public; no pattern and no name does.
 */
export const PARAMETERISED_PERMISSIONS = ["rpc:call:", "jobs:submit:", "http:"] as const;

export type SimplePermission = (typeof SIMPLE_PERMISSIONS)[number];
export type PermissionFamily = (typeof PARAMETERISED_PERMISSIONS)[number];
export type Permission = SimplePermission | `${PermissionFamily}${string}`;

/** Most characters of a permission's argument. */
const ARGUMENT_MAX = 128;
const METHODS = /^(\*|\w[\w-]*(\.\w[\w-]*)*(\.\*)?)$/;
const HOSTS = /^(\*|(\*\.)?\w[\w-]*(\.\w[\w-]*)*|\[[0-9a-fA-F:.]{2,45}\])(:(\*|\d{1,5}))?$/;

/** True when `value` is a permission that a manifest may ask for. */
export function isPermission(value: string): value is Permission {
  if ((SIMPLE_PERMISSIONS as readonly string[]).includes(value)) return true;
  const family = familyOf(value);
  if (family === undefined) return false;
  const argument = value.slice(family.length);
  return argument.length <= ARGUMENT_MAX && (family === "http:" ? HOSTS : METHODS).test(argument);
}

/** True when one of the permissions that were granted covers `needed`. */
export function isPermitted(granted: readonly string[], needed: string): boolean {
  return granted.some((permission) => permissionCovers(permission, needed));
}

/** True when everything that `needed` allows, `granted` allows too. Both are permissions; either may be a pattern. */
export function permissionCovers(granted: string, needed: string): boolean {
  if (granted === needed) return true;
  const family = familyOf(granted);
  if (family === undefined || !needed.startsWith(family)) return false;
  const [pattern, argument] = [granted.slice(family.length), needed.slice(family.length)];
  return family === "http:"
    ? hostCovers(pattern, argument)
    : pattern === "*" || handlePatternMatches(pattern, argument);
}

/** The family of a parameterised permission; undefined for any other text. */
export function familyOf(permission: string): PermissionFamily | undefined {
  return PARAMETERISED_PERMISSIONS.find((family) => permission.startsWith(family));
}

function hostCovers(pattern: string, host: string): boolean {
  const [granted, grantedPort] = hostAndPort(pattern);
  const [needed, port] = hostAndPort(host);
  if (grantedPort !== "*" && grantedPort !== port) return false;
  if (granted === "*" || granted === needed) return true;
  return granted.startsWith("*.") && needed.endsWith(granted.slice(1)) && needed.length > granted.length - 1;
}

/** Names of hosts are the same in any case (RFC 4343). */
function hostAndPort(text: string): [host: string, port: string | undefined] {
  const [, host = "", port] = /^(\[.*\]|[^:]*)(?::(.*))?$/.exec(text.toLowerCase()) ?? [];
  return [host, port];
}
