import type { AspenError } from "@aspen/plugin-api";

export const JSON_TYPE = "application/json; charset=utf-8";

/** The body of every answer that is an error. */
export function errorBody({ code, message, details = {} }: AspenError, requestId: string): string {
  return JSON.stringify({ error: { code, message, details, requestId } });
}
