import type { Clock } from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";
import { SignJWT } from "jose";
import type { AuthState } from "./auth-state.js";
import { ALGORITHM, NODE_TOKEN_TYPE } from "./claims.js";

/** Milliseconds for which what a node says of a caller counts, and after which it says it anew. */
const LIFE_MS = 60_000;
const RENEW_MS = 20_000;
/** Callers that are remembered. */
const REMEMBERED_MAX = 1000;

export interface NodeCredentialsParts {
  /** Of this node. */
  id: string;
  state: Pick<AuthState, "ring">;
  clock: Clock;
}

/**
 * Proves to another node of the cluster for whom one of its nodes passes a request on. What is signed is the caller with its
 * grants: who reads it on the way gets, for a minute, no more than that.
 */
export class NodeCredentials {
  readonly #signed = new Map<string, { token: Promise<string>; renewAt: number; kid: string }>();

  constructor(private readonly parts: NodeCredentialsParts) {}

  /** The value of the header `authorization`. */
  async authorization(caller: Caller): Promise<string> {
    const { clock, state } = this.parts;
    const { kind, id, grants } = caller;
    const key = JSON.stringify([kind, id, grants.methods, grants.kvPrefixes]);
    const known = this.#signed.get(key);
    if (known && clock.now() < known.renewAt && known.kid === state.ring.kid) return `Bearer ${await known.token}`;
    this.#signed.delete(key);
    if (this.#signed.size >= REMEMBERED_MAX) this.#signed.delete(this.#signed.keys().next().value!);
    const signed = { token: this.#sign(caller), renewAt: clock.now() + RENEW_MS, kid: state.ring.kid };
    this.#signed.set(key, signed);
    return `Bearer ${await signed.token}`;
  }

  #sign({ kind, id: cid, grants: { methods, kvPrefixes } }: Caller): Promise<string> {
    const { id, state, clock } = this.parts;
    const { ring } = state;
    const now = clock.now();
    return new SignJWT({ kind, cid, methods: [...methods], kv: [...kvPrefixes] })
      .setProtectedHeader({ alg: ALGORITHM, kid: ring.kid, typ: NODE_TOKEN_TYPE })
      .setSubject(id)
      .setAudience(ring.clusterId)
      .setIssuedAt(new Date(now))
      .setExpirationTime(new Date(now + LIFE_MS))
      .sign(ring.signingKey);
  }
}
