import type { CallContext } from "@aspen/guest-sdk";
import { handlePatternMatches } from "@aspen/plugin-api/abi";
import type { Asking } from "../domain/access.js";
import { forgeErrors } from "../errors.js";
import { FORGE_LIMITS } from "../limits.js";

/** Who asks, from what the node knows of the call. */
export function askingOf({ caller: { kind, id, grants } }: CallContext): Asking {
  return {
    ...{ kind, id },
    mayCall: (method) => grants.methods.some((pattern) => pattern === "*" || handlePatternMatches(pattern, method)),
    mayKey: (key) => grants.kvPrefixes.some((prefix) => key.startsWith(prefix)),
  };
}

/** The params of a call, as an object. @throws AspenError `INVALID_PARAMS` */
export function objectOf(params: unknown, known: readonly string[]): Record<string, unknown> {
  if (typeof params !== "object" || params === null || Array.isArray(params)) {
    throw forgeErrors.invalid("params", "must be an object");
  }
  const unknown = Object.keys(params).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw forgeErrors.invalid(unknown.slice(0, 64), `is not known here; known: ${known.join(", ")}`);
  }
  return params as Record<string, unknown>;
}

/** @throws AspenError `INVALID_PARAMS` */
export function textOf(field: string, value: unknown, most: number): string {
  if (typeof value === "string" && value.length >= 1 && value.length <= most) return value;
  throw forgeErrors.invalid(field, `must be a text of 1 to ${most} characters`);
}

/** How a list is paged. @throws AspenError `INVALID_PARAMS` */
export function pageOf({ limit, after }: Record<string, unknown>): { limit: number; after?: string } {
  const most = FORGE_LIMITS.pageMax;
  if (limit !== undefined && !(Number.isInteger(limit) && (limit as number) >= 1 && (limit as number) <= most)) {
    throw forgeErrors.invalid("limit", `must be a whole number from 1 to ${most}`);
  }
  return {
    limit: (limit as number | undefined) ?? FORGE_LIMITS.pageDefault,
    ...(after === undefined || after === null ? {} : { after: textOf("after", after, 2048) }),
  };
}
