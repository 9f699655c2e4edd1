import { ADMIN_GRANT, type HandlerFactory, type MethodsOf, method, methodsHandlerFactory } from "@aspen/rpc-core";
import { z } from "zod";
import { kvPrefix, methodPattern, tokenId } from "../auth/claims.js";
import { TOKEN_LIMITS } from "../auth/limits.js";
import type { TokenAuthority } from "../auth/token-authority.js";
import type { ShownToken, TokenDirectory } from "../auth/token-directory.js";
import { nodeErrors } from "../errors.js";

const LIST_DEFAULT = 100;
const LIST_MAX = 1000;

const texts = z.array(z.string());
const ms = z.number().describe("Milliseconds since the epoch.");
const shown = z.strictObject({
  id: z.string(),
  name: z.string().nullable(),
  methods: texts,
  kvPrefixes: texts,
  audience: z.string(),
  parents: texts.describe("Tokens that it was derived from, the first one first."),
  createdBy: z.strictObject({ kind: z.string(), id: z.string() }),
  createdAt: ms,
  expiresAt: ms,
  state: z.enum(["active", "expired", "revoked"]),
  revokedWith: z
    .string()
    .nullable()
    .describe("The token whose revocation counts for it: itself, or one of its parents."),
  lastUsedAt: ms.nullable().describe("Behind by up to a minute; null when it was never used."),
});

export interface TokenServices {
  readonly authority: TokenAuthority;
  readonly directory: TokenDirectory;
}

/** `token.*`. */
export function tokenHandler(services: TokenServices): HandlerFactory {
  return methodsHandlerFactory({ name: "token", priority: 105, methods: () => tokenMethods(services) });
}

/** Params and results of the methods, from the table below. */
export type TokenMethods = MethodsOf<ReturnType<typeof tokenMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends TokenMethods {}
}

function tokenMethods(services: TokenServices) {
  return {
    "token.create": method({
      summary:
        "Makes a token that grants no more than its maker may, and does not outlive the maker's own. Nobody can show it again.",
      params: z.strictObject({
        methods: z.array(methodPattern).min(1).max(TOKEN_LIMITS.methods).describe("Names, prefix.* or *."),
        kvPrefixes: z
          .array(kvPrefix)
          .max(TOKEN_LIMITS.kvPrefixes)
          .optional()
          .describe('Beginnings of the keys that kv.* may name; "" is every key. None unless given.'),
        expiresInMs: z.int().min(TOKEN_LIMITS.lifeMinMs).max(TOKEN_LIMITS.lifeMaxMs).optional().describe("30 days."),
        audience: z.string().min(1).max(TOKEN_LIMITS.audienceCharacters).optional().describe("The cluster's id."),
        name: z.string().min(1).max(TOKEN_LIMITS.nameCharacters).optional(),
      }),
      result: z.strictObject({ token: z.string(), id: z.string(), expiresAt: ms }),
      handle: async ({ methods, kvPrefixes = [], ...rest }, { caller, requestId }) => {
        const options = { ...rest, grants: { methods, kvPrefixes } };
        const { token, record } = await services.authority.create(options, { caller, requestId });
        return { token, id: record.id, expiresAt: record.expiresAt };
      },
    }),
    "token.list": method({
      summary:
        "One page of the tokens that were made: one's own and those derived from it, or all for an admin. It may be shorter than its limit; cursor null at the end.",
      params: z.strictObject({
        after: z.string().max(4096).optional(),
        limit: z.int().min(1).max(LIST_MAX).optional(),
      }),
      result: z.strictObject({ tokens: z.array(shown), cursor: z.string().nullable() }),
      safe: true,
      handle: async ({ after, limit = LIST_DEFAULT }, { caller }) => {
        const { tokens, cursor } = await services.directory.list({ after, limit }, caller);
        return { tokens: tokens.map(told), cursor };
      },
    }),
    "token.inspect": method({
      summary: "Shows one token: one's own unless an id is given.",
      params: z.strictObject({ id: tokenId.optional() }),
      result: shown,
      safe: true,
      handle: async ({ id }, { caller }) => {
        const which = id ?? (caller.kind === "token" ? caller.id : undefined);
        if (which === undefined) throw nodeErrors.noOwnToken();
        return told(await services.directory.inspect(which, caller));
      },
    }),
    "token.revoke": method({
      summary: "Revokes a token and all that was derived from it, on every node within 2 s.",
      params: z.strictObject({ id: tokenId }),
      result: z.strictObject({ revoked: z.string() }),
      handle: async ({ id }, { caller, requestId }) => {
        await services.authority.revoke(id, { caller, requestId });
        return { revoked: id };
      },
    }),
    "token.rotate": method({
      summary:
        "Signs with a new key from now on. Tokens of the keys before stay good until they expire; with drop, none does.",
      params: z.strictObject({ drop: z.boolean().optional() }),
      result: z.strictObject({ kid: z.string(), retired: texts.describe("Keys that still verify.") }),
      access: { methods: ["token.rotate", ADMIN_GRANT] },
      handle: ({ drop = false }, { caller, requestId }) => services.authority.rotate(drop, { caller, requestId }),
    }),
  };
}

function told({ chain, ...token }: ShownToken) {
  return { ...token, parents: chain };
}
