import {
  AspenError,
  findHostFunction,
  type HostFunctionName,
  type HostFunctionSpec,
  isPermitted,
  LIMITS,
  requiredPermission,
} from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import type { CallScope, DeniedEvent, HostFunction } from "./host-function.js";
import { HOST_FUNCTION_REGISTRY } from "./registry.js";

const DENIALS = new Set(["PERMISSION_DENIED", "KV_NAMESPACE_DENIED"]);

/** A row of the ABI table with what serves it. */
export interface ServedFunction {
  spec: HostFunctionSpec;
  implementation: HostFunction<unknown>;
}

/** A call that may run. */
export interface GuardedCall extends ServedFunction {
  prepared: unknown;
}

/**
 * The one gate of every host call, of every tier: permission, then namespace, then limits.
 * @throws AspenError
 */
export function guard(
  scope: CallScope,
  name: string,
  args: readonly (Uint8Array | null)[],
  onDenied?: (event: DeniedEvent) => void,
): GuardedCall {
  const spec = findHostFunction(name);
  if (!spec) throw hostErrors.unknownHostFunction(name);
  const implementation = HOST_FUNCTION_REGISTRY[spec.name as HostFunctionName];
  return guardCall(scope, { spec, implementation }, args, onDenied);
}

/** The same for a function that is already known. @throws AspenError */
export function guardCall(
  scope: CallScope,
  { spec, implementation }: ServedFunction,
  args: readonly (Uint8Array | null)[],
  onDenied?: (event: DeniedEvent) => void,
): GuardedCall {
  try {
    const permission = requiredPermission(spec, args);
    if (permission !== null && !isPermitted(scope.grant.permissions, permission)) {
      throw hostErrors.permissionDenied(scope.grant.plugin, spec.name, permission);
    }
    const bytes = args.reduce((sum, arg) => sum + (arg?.length ?? 0), 0);
    if (bytes > LIMITS.messageBytes) throw hostErrors.argumentsTooLarge(spec.name, bytes);
    return { spec, implementation, prepared: implementation.prepare(scope, args) };
  } catch (error) {
    const known = AspenError.from(error, "INVALID_PARAMS");
    if (DENIALS.has(known.code)) {
      const target = known.details?.key ?? known.details?.prefix ?? known.details?.permission;
      onDenied?.({
        plugin: scope.grant.plugin,
        hostFunction: spec.name,
        code: known.code,
        ...(typeof target === "string" ? { target } : {}),
        count: 1,
      });
    }
    throw known;
  }
}
