import type { AspenError } from "@aspen/plugin-api";

export const JSON_TYPE = "application/json; charset=utf-8";

/** The body of every answer that is an error. */
export function errorBody({ code, message, details = {} }: AspenError, requestId: string): string {
  try {
    return JSON.stringify({ error: { code, message, details, requestId } });
  } catch {
    // A feature may put into its details what JSON has no place for; the rest is still true.
    return JSON.stringify({ error: { code, message: String(message), details: {}, requestId } });
  }
}
