import { z } from "zod";
import { TOKEN_LIMITS } from "./limits.js";

/** `typ` of the two kinds of tokens (RFC 8725, 3.11): neither is taken for the other. */
export const TOKEN_TYPE = "aspen+jwt";
export const NODE_TOKEN_TYPE = "aspen-node+jwt";

/** The one algorithm, Ed25519; a token does not choose. */
export const ALGORITHM = "EdDSA";

/** Name of a method, `prefix.*`, or `*`. */
export const methodPattern = z
  .string()
  .max(TOKEN_LIMITS.patternCharacters)
  .regex(/^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$/, "must be a method's name, prefix.* or *");
export const kvPrefix = z.string().max(TOKEN_LIMITS.prefixCharacters);
export const tokenId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be the id of a token");

const seconds = z.int().min(0);

/** Claims of a token (RFC 7519). Nothing else is taken. */
export const claimsSchema = z.strictObject({
  jti: tokenId,
  aud: z.string(),
  iat: seconds,
  exp: seconds,
  name: z.string().optional(),
  methods: z.array(methodPattern).max(TOKEN_LIMITS.methods),
  kv: z.array(kvPrefix).max(TOKEN_LIMITS.kvPrefixes),
  /** Ids of the tokens that it was derived from, the first one first. */
  chain: z.array(tokenId).max(TOKEN_LIMITS.chain),
});

/** What a node says of a caller whose request it passes on. */
export const nodeClaimsSchema = z.strictObject({
  /** The node's id. */
  sub: z.string().max(128),
  /** Kind and id of the caller. */
  kind: z.enum(["local", "token", "plugin", "node", "anonymous"]),
  cid: z.string().max(256),
  aud: z.string(),
  iat: seconds,
  exp: seconds,
  /** Those of the caller, which a node may hold by the thousand. */
  methods: z.array(z.string().max(1024)).max(1000),
  kv: z.array(z.string().max(1024)).max(1000),
});
