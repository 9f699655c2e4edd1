import { AspenError, type HostFunctionName, type HostFunctionSpec, hostFunction, LIMITS } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import type { CallScope, DeniedEvent, HostFunction } from "./host-function.js";
import { HOST_FUNCTION_REGISTRY } from "./registry.js";

const DENIALS = new Set(["PERMISSION_DENIED", "KV_NAMESPACE_DENIED"]);

/** A call that may run. */
export interface GuardedCall {
  spec: HostFunctionSpec;
  implementation: HostFunction<unknown>;
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
  const spec = hostFunction(name);
  if (!spec) throw hostErrors.unknownHostFunction(name);
  try {
    if (spec.permission !== null && !scope.grant.permissions.includes(spec.permission)) {
      throw hostErrors.permissionDenied(scope.grant.plugin, name, spec.permission);
    }
    const bytes = args.reduce((sum, arg) => sum + (arg?.length ?? 0), 0);
    if (bytes > LIMITS.messageBytes) throw hostErrors.argumentsTooLarge(name, bytes);
    const implementation = HOST_FUNCTION_REGISTRY[spec.name as HostFunctionName];
    return { spec, implementation, prepared: implementation.prepare(scope, args) };
  } catch (error) {
    const known = AspenError.from(error, "INVALID_PARAMS");
    if (DENIALS.has(known.code)) {
      const target = known.details?.key ?? known.details?.prefix ?? known.details?.permission;
      onDenied?.({
        plugin: scope.grant.plugin,
        hostFunction: name,
        code: known.code,
        ...(typeof target === "string" ? { target } : {}),
        count: 1,
      });
    }
    throw known;
  }
}
