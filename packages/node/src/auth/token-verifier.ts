import { hash } from "node:crypto";
import type { Clock } from "@aspen/plugin-api";
import type { Caller, Grants } from "@aspen/rpc-core";
import { errors, type JWTVerifyResult, jwtVerify } from "jose";
import { z } from "zod";
import { nodeErrors } from "../errors.js";
import type { AuthState } from "./auth-state.js";
import { ALGORITHM, claimsSchema, NODE_TOKEN_TYPE, nodeClaimsSchema, TOKEN_TYPE } from "./claims.js";
import { TOKEN_LIMITS } from "./limits.js";

/** Tokens whose signature is not checked again. */
const REMEMBERED_MAX = 10_000;
const FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** A token whose signature is good. */
export interface VerifiedToken {
  readonly caller: Caller;
  /** Tokens whose revocation ends it: those that it was derived from, and itself. */
  readonly ids: readonly string[];
  readonly kid: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface TokenVerifierParts {
  state: Pick<AuthState, "ring" | "isRevoked" | "assertFresh" | "lookForKeys">;
  clock: Clock;
  /** Audiences that are taken beside the cluster's id. */
  audiences: readonly string[];
  /** Told of each use of a token that was let in. */
  onUse(id: string, expiresAt: number): void;
}

/** Tells who sends a token, and refuses those that do not count. */
export class TokenVerifier {
  /** By a hash of the token, the one used last comes last: the tokens themselves are not kept. */
  readonly #remembered = new Map<string, VerifiedToken>();

  constructor(private readonly parts: TokenVerifierParts) {}

  /**
   * The caller that a token stands for. Answers at once for a token that was seen before.
   *
   * @throws AspenError `UNAUTHENTICATED` whose details say why (`reason`), `STORE_UNAVAILABLE` when it is not known
   * whether the token was revoked
   */
  callerOf(token: string): Caller | Promise<Caller> {
    if (token.length > TOKEN_LIMITS.characters || !FORM.test(token)) throw nodeErrors.tokenRefused("malformed");
    const key = hash("sha256", token, "base64");
    return this.#recall(key) ?? this.#verify(token, key);
  }

  /** The same for a token that was seen before; null for one whose signature would have to be checked. */
  recall(token: string): Caller | null {
    return token.length > TOKEN_LIMITS.characters ? null : this.#recall(hash("sha256", token, "base64"));
  }

  #recall(key: string): Caller | null {
    const known = this.#remembered.get(key);
    if (!known) return null;
    this.#remembered.delete(key);
    // Its key was taken away: its signature counts no more.
    if (!this.parts.state.ring.verifying.has(known.kid)) return null;
    this.#remembered.set(key, known);
    return this.#admit(known);
  }

  /** The token itself, whatever was revoked. @throws AspenError `UNAUTHENTICATED` */
  async read(token: string): Promise<VerifiedToken> {
    if (token.length > TOKEN_LIMITS.characters || !FORM.test(token)) throw nodeErrors.tokenRefused("malformed");
    try {
      return this.#claimsOf(await this.#signed(token));
    } catch (error) {
      throw refusal(error);
    }
  }

  async #verify(token: string, key: string): Promise<Caller> {
    const verified = await this.read(token);
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.delete(this.#remembered.keys().next().value!);
    this.#remembered.set(key, verified);
    return this.#admit(verified);
  }

  /** What may change while the signature stays good. */
  #admit({ caller, ids, expiresAt }: VerifiedToken): Caller {
    const { state, clock, onUse } = this.parts;
    if (expiresAt <= clock.now()) throw nodeErrors.tokenRefused("expired");
    state.assertFresh();
    if (ids.some((id) => state.isRevoked(id))) throw nodeErrors.tokenRefused("revoked");
    if (caller.kind === "token") onUse(caller.id, expiresAt);
    return caller;
  }

  #signed(token: string): Promise<JWTVerifyResult> {
    const { state, clock, audiences } = this.parts;
    return jwtVerify(
      token,
      async ({ kid }) => {
        // Another node may have begun to sign with a key that this one has not heard of.
        if (typeof kid === "string" && !state.ring.verifying.has(kid)) await state.lookForKeys();
        const key = typeof kid === "string" ? state.ring.verifying.get(kid) : undefined;
        if (!key) throw nodeErrors.tokenRefused("unknown-key");
        return key;
      },
      {
        algorithms: [ALGORITHM],
        audience: [state.ring.clusterId, ...audiences],
        currentDate: new Date(clock.now()),
        requiredClaims: ["exp", "iat", "aud"],
      },
    );
  }

  #claimsOf({ payload, protectedHeader: { typ, kid } }: JWTVerifyResult): VerifiedToken {
    if (typ === TOKEN_TYPE) {
      const { jti, methods, kv, chain, exp } = claimsSchema.parse(payload);
      const caller: Caller = { kind: "token", id: jti, grants: grantsOf(methods, kv) };
      return { caller, ids: [...chain, jti], kid: kid!, expiresAt: exp * 1000 };
    }
    if (typ !== NODE_TOKEN_TYPE) throw nodeErrors.tokenRefused("malformed");
    const { kind, cid: id, methods, kv, exp } = nodeClaimsSchema.parse(payload);
    const caller: Caller = { kind, id, grants: grantsOf(methods, kv) };
    return { caller, ids: kind === "token" ? [id] : [], kid: kid!, expiresAt: exp * 1000 };
  }
}

function grantsOf(methods: readonly string[], kvPrefixes: readonly string[]): Grants {
  return { methods, kvPrefixes };
}

/** Says why, and nothing of the token. */
function refusal(error: unknown): Error {
  if (error instanceof errors.JWTExpired) return nodeErrors.tokenRefused("expired");
  if (error instanceof errors.JWTClaimValidationFailed) {
    return nodeErrors.tokenRefused(error.claim === "aud" ? "audience" : "malformed");
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return nodeErrors.tokenRefused("signature");
  if (error instanceof errors.JOSEAlgNotAllowed) return nodeErrors.tokenRefused("algorithm");
  if (error instanceof errors.JOSEError || error instanceof SyntaxError) return nodeErrors.tokenRefused("malformed");
  if (error instanceof z.ZodError) return nodeErrors.tokenRefused("malformed");
  return error as Error;
}
