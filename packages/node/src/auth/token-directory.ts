import { type Clock, decodeUtf8 } from "@aspen/plugin-api";
import { ADMIN_GRANT, type Caller, grantsMethod, tokenBehind } from "@aspen/rpc-core";
import { type KeyValueStore, readPage } from "@aspen/storage";
import { nodeErrors } from "../errors.js";
import { TOKEN_PREFIX, USED_PREFIX } from "./auth-keys.js";
import type { AuthState } from "./auth-state.js";
import { readTokenRecord, type TokenRecord } from "./token-record.js";

export interface TokenDirectoryParts {
  kv: Pick<KeyValueStore, "get" | "getMany" | "scan">;
  state: Pick<AuthState, "isRevoked" | "assertFresh">;
  clock: Clock;
}

/** A token as it is shown. */
export interface ShownToken extends TokenRecord {
  state: "active" | "expired" | "revoked";
  /** The token whose revocation it is that counts; null while none does. */
  revokedWith: string | null;
  /** Milliseconds since the epoch, behind by up to a minute; null when it was never used. */
  lastUsedAt: number | null;
}

/** What is known of the tokens that were made. A caller sees its own and what was derived from it; an admin sees all. */
export class TokenDirectory {
  constructor(private readonly parts: TokenDirectoryParts) {}

  /** @throws AspenError `TOKEN_NOT_FOUND` when there is none of this id that the caller may see */
  async find(id: string, caller: Caller): Promise<TokenRecord> {
    const entry = await this.parts.kv.get(TOKEN_PREFIX + id);
    const record = entry && readTokenRecord(entry.value);
    if (!record || !maySee(caller, record)) throw nodeErrors.tokenNotFound(id);
    return record;
  }

  /**
   * Somebody whose rights come from a token, as he is while the token counts; null when it is not known here.
   *
   * @throws AspenError `UNAUTHENTICATED` when it was revoked or has expired, `STORE_UNAVAILABLE` when that is not known
   */
  async review(caller: Caller): Promise<Caller | null> {
    const { kv, state, clock } = this.parts;
    const entry = await kv.get(TOKEN_PREFIX + tokenBehind(caller));
    const record = entry && readTokenRecord(entry.value);
    if (!record) return null;
    if (record.expiresAt <= clock.now()) throw nodeErrors.tokenRefused("expired");
    state.assertFresh();
    if ([...record.chain, record.id].some((id) => state.isRevoked(id))) throw nodeErrors.tokenRefused("revoked");
    return caller;
  }

  async inspect(id: string, caller: Caller): Promise<ShownToken> {
    return (await this.#shown([await this.find(id, caller)]))[0]!;
  }

  /** One page in the order of the ids; it may be shorter than `limit`. */
  async list(
    { after, limit }: { after?: string | undefined; limit: number },
    caller: Caller,
  ): Promise<{ tokens: ShownToken[]; cursor: string | null }> {
    const from = after === undefined ? {} : { after };
    const page = await readPage(this.parts.kv, { prefix: TOKEN_PREFIX, limit, ...from });
    const records = page.entries.flatMap(({ value }) => readTokenRecord(value) ?? []);
    const tokens = await this.#shown(records.filter((record) => maySee(caller, record)));
    return { tokens, cursor: page.cursor ?? null };
  }

  async #shown(records: readonly TokenRecord[]): Promise<ShownToken[]> {
    const { kv, state, clock } = this.parts;
    const uses = records.length === 0 ? [] : await kv.getMany(records.map(({ id }) => USED_PREFIX + id));
    return records.map((record, at) => {
      const revokedWith = [...record.chain, record.id].find((id) => state.isRevoked(id)) ?? null;
      const expired = record.expiresAt <= clock.now() ? "expired" : "active";
      const use = uses[at];
      return {
        ...record,
        state: revokedWith === null ? expired : "revoked",
        revokedWith,
        lastUsedAt: use ? usedAt(use.value) : null,
      };
    });
  }
}

function maySee(caller: Caller, { id, chain }: TokenRecord): boolean {
  if (caller.kind === "token" && (id === caller.id || chain.includes(caller.id))) return true;
  return grantsMethod(caller.grants, ADMIN_GRANT);
}

function usedAt(value: Uint8Array): number | null {
  try {
    const { at } = JSON.parse(decodeUtf8(value)) as { at?: unknown };
    return typeof at === "number" ? at : null;
  } catch {
    // The time alone is lost.
    return null;
  }
}
