import type { ErrorCode } from "./error-table.js";

const NODE_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  ...(["UNAUTHENTICATED", "RATE_LIMITED", "TOKEN_NOT_FOUND", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL"] as const),
  ...(["OUTCOME_UNKNOWN", "NODE_UNREACHABLE", "FEATURE_FAILED"] as const),
  ...(["PLUGIN_TIMEOUT", "PLUGIN_UNAVAILABLE", "PLUGIN_NOT_FOUND", "PLUGIN_TIER_UNAVAILABLE"] as const),
  ...(["PLUGIN_TIER_REFUSED"] as const),
]);

/**
 * True for a code that tells of the node or of the caller's own call: callers act on it, by asking again or for a new
 * token. A plugin passes one on that the host gave it, and says none by itself.
 */
export function isNodeCode(code: string): boolean {
  return NODE_CODES.has(code);
}
