import { randomBytes } from "node:crypto";
import type { AuditTrail } from "@aspen/layers";
import { type Clock, encodeUtf8 } from "@aspen/plugin-api";
import { type Caller, type Grants, includesGrants, type RequestContext } from "@aspen/rpc-core";
import type { Check, KeyValueStore, Op } from "@aspen/storage";
import { SignJWT } from "jose";
import { nodeErrors } from "../errors.js";
import { actorOf } from "./actor.js";
import { EPOCH_KEY, KEYS_KEY, REVOKED_PREFIX, TOKEN_PREFIX } from "./auth-keys.js";
import { type AuthState, revocation } from "./auth-state.js";
import { ALGORITHM, TOKEN_TYPE } from "./claims.js";
import { newKey, rotated, writeKeyRing } from "./key-ring.js";
import { TOKEN_LIMITS } from "./limits.js";
import type { TokenDirectory } from "./token-directory.js";
import { type TokenRecord, writeTokenRecord } from "./token-record.js";

/** Milliseconds for which the store keeps what belongs to a token after it has expired, for clocks that differ. */
const MARGIN_MS = 3_600_000;

export interface TokenAuthorityParts {
  kv: KeyValueStore;
  state: AuthState;
  directory: TokenDirectory;
  audit: AuditTrail;
  clock: Clock;
}

export interface CreateTokenOptions {
  name?: string | undefined;
  grants: Grants;
  /** Milliseconds until it expires. @default 30 days, or as long as the token of whoever asks */
  expiresInMs?: number | undefined;
  /** For whom it is. @default the cluster */
  audience?: string | undefined;
}

/** Who asks, and by which request. */
export type Asking = Pick<RequestContext, "caller" | "requestId">;

/** Makes and revokes tokens, and changes the key that signs them. */
export class TokenAuthority {
  constructor(private readonly parts: TokenAuthorityParts) {}

  /**
   * Signs a token that grants no more than its maker may, and does not outlive the maker's own.
   *
   * @throws AspenError `PERMISSION_DENIED` naming what the maker is not granted, `INVALID_PARAMS` when it would outlive the
   * maker's or be derived too often, `UNAUTHENTICATED` when the maker's was revoked
   */
  async create(options: CreateTokenOptions, asking: Asking): Promise<{ token: string; record: TokenRecord }> {
    const { kv, state, audit, clock } = this.parts;
    const { caller } = asking;
    const { grants, name = null, audience = state.ring.clusterId } = options;
    if (!includesGrants(caller.grants, grants)) throw nodeErrors.grantsTooWide(caller.grants, grants);
    const parent = await this.#parentOf(caller);
    const chain = parent ? [...parent.chain, parent.id] : [];
    if (chain.length > TOKEN_LIMITS.chain) throw nodeErrors.chainTooLong(TOKEN_LIMITS.chain);
    const now = clock.now();
    const record: TokenRecord = {
      ...{ id: randomBytes(12).toString("base64url"), name, audience, chain },
      ...{ methods: [...grants.methods], kvPrefixes: [...grants.kvPrefixes] },
      createdBy: { kind: caller.kind, id: caller.id },
      createdAt: now,
      expiresAt: expiryOf(now, options.expiresInMs, parent?.expiresAt),
    };
    const token = await this.#sign(record);
    const { id, expiresAt } = record;
    const details = { name, methods: record.methods, kvPrefixes: record.kvPrefixes, audience, chain, expiresAt };
    const applied = await kv.transact({
      // A revocation that comes meanwhile is of everything derived before it, and after it nothing is.
      checks: chain.map((id): Check => ({ key: REVOKED_PREFIX + id, value: null })),
      ops: [
        { type: "put", key: TOKEN_PREFIX + id, value: writeTokenRecord(record), ttlMs: expiresAt - now + MARGIN_MS },
        audit.op({ action: "token.create", subject: id, by: actorOf(asking), details }, now),
      ],
    });
    if (!applied.ok) throw nodeErrors.tokenRefused("revoked");
    return { token, record };
  }

  /**
   * Revokes a token and whatever was derived from it. Again, it does nothing.
   *
   * @throws AspenError `TOKEN_NOT_FOUND`
   */
  async revoke(id: string, asking: Asking): Promise<TokenRecord> {
    const { kv, state, directory, audit, clock } = this.parts;
    const record = await directory.find(id, asking.caller);
    const now = clock.now();
    const ttlMs = Math.max(1, record.expiresAt - now + MARGIN_MS);
    await kv.transact({
      // Once is enough.
      checks: [{ key: REVOKED_PREFIX + id, value: null }],
      ops: [
        { type: "put", key: REVOKED_PREFIX + id, value: revocation(record.expiresAt + MARGIN_MS), ttlMs },
        this.#epoch(now),
        audit.op({ action: "token.revoke", subject: id, by: actorOf(asking), details: { name: record.name } }, now),
      ],
    });
    await state.reload();
    return record;
  }

  /**
   * Signs with another key from now on. Tokens of the key before stay good until they expire; with `drop`, every one
   * that there is counts no more.
   *
   * @throws AspenError `INVALID_PARAMS` when too many keys are kept, `KV_CONFLICT` when another did the same
   */
  async rotate(drop: boolean, asking: Asking): Promise<{ kid: string; retired: string[] }> {
    const { kv, state, audit, clock } = this.parts;
    const now = clock.now();
    await state.reload();
    const before = state.ring.record;
    const keepMs = TOKEN_LIMITS.lifeMaxMs + MARGIN_MS;
    const next = rotated(before, await newKey(now), { now, keepMs, drop });
    if (next.retired.length > TOKEN_LIMITS.retiredKeys) throw nodeErrors.keysTooMany(TOKEN_LIMITS.retiredKeys);
    const applied = await kv.transact({
      checks: [{ key: KEYS_KEY, value: writeKeyRing(before) }],
      ops: [
        { type: "put", key: KEYS_KEY, value: writeKeyRing(next) },
        this.#epoch(now),
        audit.op({ action: "token.rotate", subject: next.current.kid, by: actorOf(asking), details: { drop } }, now),
      ],
    });
    if (!applied.ok) throw nodeErrors.keysChanged();
    await state.reload();
    return { kid: next.current.kid, retired: next.retired.map(({ kid }) => kid) };
  }

  /** The record of the token that a caller holds; null for who needs none. */
  async #parentOf(caller: Caller): Promise<TokenRecord | null> {
    if (caller.kind === "local" || caller.kind === "node") return null;
    // A plugin's caller is not known here: what it made would outlive the revocation of who called the plugin.
    if (caller.kind !== "token") throw nodeErrors.notAMaker(caller);
    return this.parts.directory.find(caller.id, caller);
  }

  #epoch(now: number): Op {
    return { type: "put", key: EPOCH_KEY, value: encodeUtf8(String(now)) };
  }

  async #sign({ id, name, methods, kvPrefixes, audience, chain, createdAt, expiresAt }: TokenRecord): Promise<string> {
    const { ring } = this.parts.state;
    const token = await new SignJWT({ ...(name === null ? {} : { name }), methods, kv: kvPrefixes, chain })
      .setProtectedHeader({ alg: ALGORITHM, kid: ring.kid, typ: TOKEN_TYPE })
      .setJti(id)
      .setAudience(audience)
      .setIssuedAt(new Date(createdAt))
      .setExpirationTime(new Date(expiresAt))
      .sign(ring.signingKey);
    if (token.length > TOKEN_LIMITS.characters) throw nodeErrors.tokenTooLarge(token.length, TOKEN_LIMITS.characters);
    return token;
  }
}

/** In whole seconds, as a token says it. @throws AspenError `INVALID_PARAMS` */
function expiryOf(now: number, inMs: number | undefined, parentsAt = Number.POSITIVE_INFINITY): number {
  const wanted = now + (inMs ?? TOKEN_LIMITS.lifeDefaultMs);
  if (inMs !== undefined && wanted > parentsAt) throw nodeErrors.expiryTooLate(parentsAt);
  return Math.floor(Math.min(wanted, parentsAt) / 1000) * 1000;
}
