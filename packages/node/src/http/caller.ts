import type { IncomingMessage } from "node:http";
import type { Authenticator } from "@aspen/feature";
import { isAspenError } from "@aspen/plugin-api";
import { ANONYMOUS_CALLER, type Caller, LOCAL_CALLER } from "@aspen/rpc-core";
import { FailedAttempts } from "../auth/failed-attempts.js";
import type { AuthSettings } from "../config/auth-config.js";
import { nodeErrors } from "../errors.js";
import { type Sender, senderOf, timesNamed } from "./authority.js";

/** `Bearer …`: a scheme and what follows it (RFC 9110, 11.4). */
const CREDENTIALS = /^([A-Za-z][A-Za-z0-9+.-]*) +(\S.*)$/;
/** A token that nobody reads must not be taken for none: its holder expects to be bounded by it. */
const BEARER = "bearer";

/** Who sends a request: whoever its credentials name, somebody on this machine, or nobody that is known. */
export class Callers {
  #authenticators: ReadonlyMap<string, Authenticator> = new Map();

  /** Credentials that did not count. */
  readonly failed: FailedAttempts;

  constructor(private readonly settings: Pick<AuthSettings, "on" | "required" | "origins" | "failures">) {
    this.failed = new FailedAttempts(settings.failures);
  }

  /** From now on, credentials count. @throws AspenError `CONFIG_INVALID` when two take one scheme */
  use(authenticators: readonly Authenticator[]): void {
    const table = new Map<string, Authenticator>();
    for (const one of authenticators) {
      if (table.has(one.scheme)) throw nodeErrors.schemeTaken(one.scheme);
      table.set(one.scheme, one);
    }
    this.#authenticators = table;
  }

  /**
   * Looks at where a request comes from. @throws AspenError `INVALID_PARAMS` without one host, `PERMISSION_DENIED` for a
   * page of a site that may not call, and without authentication for a host that is not this machine
   */
  senderOf(request: IncomingMessage): Sender {
    return senderOf(request, this.settings);
  }

  /**
   * Answers at once where no signature has to be checked.
   *
   * @throws AspenError `UNAUTHENTICATED` when its credentials do not count, `RATE_LIMITED` when its address has sent too many
   * such, and what `senderOf` throws
   */
  of(request: IncomingMessage): Caller | Promise<Caller> {
    const sender = this.senderOf(request);
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const known = this.#byCredentials(request, authorization);
      if (known) return known;
    }
    return sender === "local" && !this.settings.required ? LOCAL_CALLER : ANONYMOUS_CALLER;
  }

  /** Null for credentials that are somebody else's to read, such as those for a proxy. */
  #byCredentials({ rawHeaders, socket }: IncomingMessage, authorization: string): Caller | Promise<Caller> | null {
    if (timesNamed(rawHeaders, "authorization") > 1) {
      throw nodeErrors.badRequest("it has several Authorization headers");
    }
    const [, name = "", credentials = ""] = CREDENTIALS.exec(authorization) ?? [];
    const scheme = name.toLowerCase();
    const authenticator = this.#authenticators.get(scheme);
    if (authenticator) return this.#authenticated(authenticator, credentials, socket.remoteAddress ?? "");
    if (scheme === BEARER) throw nodeErrors.tokensUnknown();
    if (authorization.trim().toLowerCase() === BEARER) throw nodeErrors.tokenRefused("malformed");
    return null;
  }

  #authenticated(authenticator: Authenticator, credentials: string, address: string): Caller | Promise<Caller> {
    const failed = (error: unknown): never => {
      if (isAspenError(error) && error.code === "UNAUTHENTICATED") this.failed.note(address);
      throw error;
    };
    try {
      if (this.failed.isThrottled(address)) {
        const known = authenticator.recall?.(credentials);
        if (!known) throw this.failed.refusal(address);
        return known;
      }
      const caller = authenticator.authenticate(credentials);
      return caller instanceof Promise ? caller.catch(failed) : caller;
    } catch (error) {
      return failed(error);
    }
  }
}
