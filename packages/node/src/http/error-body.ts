import type { AspenError } from "@aspen/plugin-api";

export const JSON_TYPE = "application/json; charset=utf-8";

/** The body of every answer that is an error. */
export function errorBody({ code, class: errorClass, message, details = {} }: AspenError, requestId: string): string {
  try {
    return JSON.stringify({ error: { code, class: errorClass, message, details, requestId } });
  } catch {
    // A feature may put into its details what JSON has no place for; the rest is still true.
    return JSON.stringify({ error: { code, class: errorClass, message: String(message), details: {}, requestId } });
  }
}

/** Headers that go with the answer to some errors. */
export function errorHeaders({ code, details }: AspenError): Record<string, string> {
  if (code === "UNAUTHENTICATED") {
    // RFC 6750, 3: what was missing needs no word of what was wrong with it.
    const refused = details?.reason === "missing" ? "" : ', error="invalid_token"';
    return { "www-authenticate": `Bearer realm="aspen"${refused}` };
  }
  const { retryAfterMs } = details ?? {};
  if (code !== "RATE_LIMITED" || typeof retryAfterMs !== "number") return {};
  return { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) };
}
