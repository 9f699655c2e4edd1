/** Steps before the first byte of a request. */
const BEFORE = new Set<unknown>(["connect", "getaddrinfo"]);

/**
 * True for a failure after which the other side has certainly not seen the request. The code alone does not say so: a
 * connection that was made can end with `ETIMEDOUT` or `EHOSTUNREACH`, too, after the request has arrived.
 */
export function wasNotSent(error: unknown): boolean {
  const { code, syscall, errors } = (error ?? {}) as { code?: unknown; syscall?: unknown; errors?: unknown };
  if (code === "UND_ERR_CONNECT_TIMEOUT") return true;
  // Of a name with several addresses, none of which could be connected to.
  if (Array.isArray(errors) && errors.length > 0) return errors.every(wasNotSent);
  return BEFORE.has(syscall);
}
