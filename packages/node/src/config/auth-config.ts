import { z } from "zod";

/** A site as browsers name it: scheme, host and port, nothing else. */
const origin = z
  .string()
  .max(256)
  .refine(
    (text) => URL.canParse(text) && new URL(text).origin === text,
    "must be an origin, such as https://app.example, without a path",
  );

/** When credentials of an address are not looked at any more. */
const failures = z.strictObject({
  attempts: z.int().min(1).max(1_000_000).default(50),
  perMs: z.int().min(1000).max(86_400_000).default(60_000),
  local: z.boolean().default(false),
});

const settings = z.strictObject({
  required: z.boolean().default(false),
  origins: z.array(origin).max(64).default([]),
  audiences: z.array(z.string().min(1).max(256)).max(16).default([]),
  staleMs: z.int().min(2000).max(3_600_000).default(30_000),
  failures: failures.prefault({}),
});

/** `auth` of a node's configuration: off unless it is given. */
export const authSchema = z
  .union(
    [z.boolean(), settings],
    "must be true, false, or an object with required, origins, audiences, staleMs and failures",
  )
  .default(false)
  .transform((given): AuthSettings => {
    const on = given !== false;
    return { on, ...(typeof given === "object" ? given : settings.parse({})) };
  });

/** How callers are known, with the defaults. */
export interface AuthSettings {
  /** Whoever is not on this machine needs a token; without it the node is not offered to other machines at all. */
  on: boolean;
  /** Whoever is on this machine needs one, too. */
  required: boolean;
  /** Sites whose pages may call. */
  origins: readonly string[];
  /** Audiences of tokens that are taken beside the cluster's id. */
  audiences: readonly string[];
  /** Milliseconds without news of the store after which tokens are refused. */
  staleMs: number;
  failures: Required<NonNullable<AuthConfig["failures"]>>;
}

/** `auth` of a node's configuration. */
export interface AuthConfig {
  /** Callers on this machine need a token as well. @default false */
  required?: boolean;
  /** Sites whose pages may call the node with a token, such as `https://app.example`. @default [] */
  origins?: readonly string[];
  /** Audiences of tokens that are taken beside the cluster's id. @default [] */
  audiences?: readonly string[];
  /**
   * Milliseconds that the store may be away before tokens are refused with `STORE_UNAVAILABLE`, as a revocation may be
   * missed. @default 30000
   */
  staleMs?: number;
  /** After how many credentials that do not count an address is answered `RATE_LIMITED` in place of `UNAUTHENTICATED`. */
  failures?: {
    /** Most of one address, or of one network of IPv6 (/64), within `perMs`. @default 50 */
    attempts?: number;
    /** Milliseconds after the first of them in which its count begins anew. @default 60000 */
    perMs?: number;
    /** Addresses of this machine are counted, too: only where no proxy on it stands for others. @default false */
    local?: boolean;
  };
}

export const rateLimitSchema = z
  .strictObject({
    requests: z.int().min(1).max(10_000_000),
    perMs: z.int().min(100).max(3_600_000).default(1000),
    local: z.boolean().default(false),
  })
  .optional();

/** `rateLimit` of a node's configuration. */
export interface RateLimitConfig {
  /** Most requests of one caller within `perMs`. */
  requests: number;
  /** Milliseconds after which its count begins anew. @default 1000 */
  perMs?: number;
  /** Callers of this machine and nodes are counted, too. @default false */
  local?: boolean;
}

export type RateLimitSettings = NonNullable<z.output<typeof rateLimitSchema>>;
