import type { Caller } from "@aspen/rpc-core";

/** Knows callers by what they send as `Authorization`, one scheme of it. */
export interface Authenticator {
  /** The scheme (RFC 9110, 11.1) in lower case: `bearer`. One authenticator takes it. */
  readonly scheme: string;
  /**
   * Who sends these credentials, which are what follows the scheme. It answers within the time of a request, and must not
   * log them.
   *
   * @throws AspenError `UNAUTHENTICATED` when they do not count
   */
  authenticate(credentials: string): Caller | Promise<Caller>;
  /**
   * The same for credentials that were let in before; null when it would have to check them. It is asked where an address has
   * sent too many that do not count. @default null
   *
   * @throws AspenError `UNAUTHENTICATED` when they do not count any more
   */
  recall?(credentials: string): Caller | null;
}
