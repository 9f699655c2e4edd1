import { pluginApiErrors } from "../errors.js";
import { isPermission, type Permission, type PermissionFamily, type SimplePermission } from "../permissions.js";
import { decodeUtf8 } from "./utf8.js";

/** A permission that depends on the arguments of a call. */
export interface PermissionByArgument {
  readonly family: PermissionFamily;
  /** What the argument is, for readers: `method` is shown as `rpc:call:<method>`. */
  readonly argument: string;
  /**
   * The argument for one call: one name, no pattern. It gets the encoded parameters before anything has checked them,
   * so it must look at their length before it decodes them.
   */
  of(args: readonly (Uint8Array | null)[]): string;
}

/** Most bytes of a name that a permission takes as its argument. */
const NAME_BYTES = 128;

/** The name that a parameter holds; empty, which no permission takes, when it holds none. */
export function nameIn(parameter: Uint8Array | null | undefined): string {
  return parameter && parameter.length <= NAME_BYTES ? decodeUtf8(parameter) : "";
}

/** Most bytes of a URL in a parameter. */
const URL_BYTES = 8192;

/** Host and port of the URL that a parameter holds, as a permission names them; empty when it holds none. */
export function hostIn(parameter: Uint8Array | null | undefined): string {
  const text = parameter && parameter.length <= URL_BYTES ? decodeUtf8(parameter) : "";
  return URL.canParse(text) ? hostPermission(new URL(text)) : "";
}

/** Host and port of a URL, as a permission of the family `http:` names them; the scheme's own port is left out. */
export function hostPermission({ hostname, port }: { readonly hostname: string; readonly port: string }): string {
  // A name that ends in a dot is the same name (RFC 1034, section 3.1).
  const host = hostname.replace(/\.$/, "");
  return port === "" ? host : `${host}:${port}`;
}

/** What a host function needs; null when every plugin may call it. */
export type HostFunctionPermission = SimplePermission | PermissionByArgument | null;

/**
 * The permission that one call of a host function needs; null when every plugin may make it.
 *
 * @throws AspenError `INVALID_PARAMS` when the arguments do not name one thing
 */
export function requiredPermission(
  { name, permission }: { readonly name: string; readonly permission: HostFunctionPermission },
  args: readonly (Uint8Array | null)[],
): Permission | null {
  if (permission === null || typeof permission === "string") return permission;
  const { family, argument } = permission;
  const needed = `${family}${permission.of(args)}` as const;
  // A guest that names a pattern would be granted it literally, and then get what it stands for.
  if (!isPermission(needed) || needed.includes("*")) throw pluginApiErrors.argumentUnnamed(name, argument);
  return needed;
}

/** How a host function's permission is shown: `kv:read`, `rpc:call:<method>`; null when it needs none. */
export function permissionLabel(permission: HostFunctionPermission): string | null {
  return permission === null || typeof permission === "string"
    ? permission
    : `${permission.family}<${permission.argument}>`;
}
