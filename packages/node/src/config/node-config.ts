import { resolve } from "node:path";
import { z } from "zod";
import { isLoopback } from "../http/loopback.js";
import type { TlsFiles } from "../http/tls.js";
import { type AuthConfig, authSchema, type RateLimitConfig, rateLimitSchema } from "./auth-config.js";

/** Most bytes of a socket's path, with that of a folder beside it: a path of unix(7) has 108 bytes, of macOS 104. */
const SOCKET_PATH_BYTES = 90;

const file = z.string().min(1);
const tlsSchema = z
  .strictObject({ cert: file, key: file, ca: file.optional(), clientAuth: z.enum(["none", "require"]).optional() })
  .refine(({ ca, clientAuth }) => clientAuth !== "require" || ca !== undefined, {
    path: ["ca"],
    message: "must name the authorities of the clients' certificates, which clientAuth requires",
  });

const listenSchema = z.strictObject({
  host: z.string().min(1).max(255).default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(7070),
  socket: z
    .string()
    .min(1)
    .refine(
      (path) => Buffer.byteLength(resolve(path)) <= SOCKET_PATH_BYTES,
      `must be at most ${SOCKET_PATH_BYTES} bytes`,
    )
    .optional(),
  tls: tlsSchema.optional(),
});

const limitsSchema = z.strictObject({
  bodyBytes: z
    .int()
    .min(1024)
    .max(256 * 1024 * 1024)
    .default(24 * 1024 * 1024),
  gzipBytes: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(32 * 1024),
  connections: z.int().min(1).max(1_000_000).default(16_384),
  requestTimeoutMs: z.int().min(1).max(3_600_000).default(320_000),
  stalledMs: z.int().min(100).max(3_600_000).default(60_000),
  serviceStartMs: z.int().min(1).max(3_600_000).default(120_000),
  drainMs: z.int().min(0).max(600_000).default(10_000),
});

export const flagsSchema = z.record(
  z.string(),
  z.union([z.boolean(), z.record(z.string(), z.unknown())], "must be true, false, or the feature's configuration"),
);

export const nodeConfigSchema = z
  .strictObject({
    dataDir: z.string().min(1).optional(),
    redisUrl: z.string().optional(),
    listen: listenSchema.prefault({}),
    limits: limitsSchema.prefault({}),
    logLevel: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
    safeMode: z.boolean().default(false),
    auth: authSchema,
    rateLimit: rateLimitSchema,
    features: flagsSchema.default({}),
  })
  .refine(({ listen, auth }) => auth.on || isLoopback(listen.host), {
    path: ["listen", "host"],
    message:
      "must be a loopback address (127.0.0.1, ::1, localhost) while authentication is off: others could reach the node and do everything; turn it on (auth: true, or `aspen node start --auth`) and make tokens for them",
  })
  .refine(({ auth, features }) => !auth.on || features.auth !== false, {
    path: ["features", "auth"],
    message: "must not be false while auth is on: nobody could be known",
  });

/** Configuration of a node. */
export interface NodeConfig {
  /** Directory of the embedded store; made when it is missing. Either this or `redisUrl`, unless a store is passed. */
  dataDir?: string;
  /**
   * Address of the Redis that several nodes share, in any form of `RedisStoreOptions.url`: `redis://`,
   * `redis+sentinel://`, `redis+cluster://`, or with `rediss` for TLS. Either this or `dataDir`, unless a store is passed.
   */
  redisUrl?: string;
  listen?: {
    /** Address or name to listen on; one that other machines reach needs `auth`. @default "127.0.0.1" */
    host?: string;
    /** 0 picks a free one. @default 7070 */
    port?: number;
    /**
     * Path of a Unix domain socket on which it listens as well, without TLS. Only the user of the node can reach it, and
     * is a local caller. At most 90 bytes. @default none
     */
    socket?: string;
    /** Certificate and key, by the paths of PEM files; they are read anew when they change. @default no TLS */
    tls?: TlsFiles;
  };
  limits?: {
    /** Most bytes of a request's body; a mount has its own. @default 24 MiB */
    bodyBytes?: number;
    /** Least bytes of an answer of a method that is sent in gzip to a client that takes it. @default 32 KiB */
    gzipBytes?: number;
    /** Most connections at a time, on each address; further ones are closed at once. @default 16384 */
    connections?: number;
    /** Longest time in which a client takes nothing of an answer that waits for it, in milliseconds. @default 60000 */
    stalledMs?: number;
    /** Longest time to receive and to answer one request, in milliseconds; a mount may take longer to answer. @default 320000 */
    requestTimeoutMs?: number;
    /** Longest time that one service, or one other step of a feature's start, may take, in milliseconds. @default 120000 */
    serviceStartMs?: number;
    /** Milliseconds that requests under way, and then each service, get when the node stops. @default 10000 */
    drainMs?: number;
  };
  /** Least level that is logged, to stderr. @default "info" */
  logLevel?: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
  /**
   * Starts no plugin, so that one that ends the node can be disabled or removed; `plugin.install`, `update` and
   * `reload` are refused. @default false
   */
  safeMode?: boolean;
  /**
   * Whether callers have to be known by a token. `true`, or an object: those from other machines do; then the node may
   * listen on any address. @default false: nobody does, and the node listens on loopback only
   */
  auth?: boolean | AuthConfig;
  /** How often one caller may ask; more is refused with `RATE_LIMITED`. @default as often as it likes */
  rateLimit?: RateLimitConfig;
  /**
   * By name: on or off, or a configuration, which also means on. What a feature requires is on as well, unless it is
   * `false`, which is refused. A feature that was passed to `createNode` is on unless it is `false` here.
   * @default the features marked so in the README
   */
  features?: Readonly<Record<string, boolean | Readonly<Record<string, unknown>>>>;
}

/** The node's own fields, with defaults. */
export type NodeSettings = Omit<z.output<typeof nodeConfigSchema>, "features">;
