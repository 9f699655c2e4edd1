import { maskRedisUrl, parseRedisUrl } from "@aspen/storage/redis";
import { z } from "zod";
import { nodeErrors } from "./errors.js";
import { isLoopback } from "./http/loopback.js";

const listenSchema = z.strictObject({
  host: z
    .string()
    .refine(
      isLoopback,
      "must be a loopback address (127.0.0.1, ::1, localhost): authentication is not available yet, so the node is not offered to other machines",
    )
    .default("127.0.0.1"),
  port: z.int().min(0).max(65_535).default(7070),
});

const limitsSchema = z.strictObject({
  bodyBytes: z
    .int()
    .min(1024)
    .max(256 * 1024 * 1024)
    .default(24 * 1024 * 1024),
  requestTimeoutMs: z.int().min(1).max(3_600_000).default(320_000),
  drainMs: z.int().min(0).max(600_000).default(10_000),
});

const redisUrlSchema = z.string().superRefine((text, context) => {
  try {
    parseRedisUrl(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message.replace(/^url /, "") });
  }
});

const configSchema = z
  .strictObject({
    dataDir: z.string().min(1).optional(),
    redisUrl: redisUrlSchema.optional(),
    listen: listenSchema.prefault({}),
    limits: limitsSchema.prefault({}),
    logLevel: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
    safeMode: z.boolean().default(false),
    features: z.strictObject({ "plugins-wasm": z.boolean().default(true) }).prefault({}),
  })
  .refine(({ dataDir, redisUrl }) => (dataDir === undefined) !== (redisUrl === undefined), {
    path: ["dataDir"],
    message: "exactly one of dataDir (a directory for the embedded store) and redisUrl must be given",
  });

/** Configuration of a node. */
export interface NodeConfig {
  /** Directory of the embedded store; made when it is missing. Either this or `redisUrl`. */
  dataDir?: string;
  /**
   * Address of the Redis that several nodes share, in any form of `RedisStoreOptions.url`: `redis://`,
   * `redis+sentinel://`, `redis+cluster://`, or with `rediss` for TLS. Either this or `dataDir`.
   */
  redisUrl?: string;
  listen?: {
    /** A loopback address; any other is refused. @default "127.0.0.1" */
    host?: string;
    /** 0 picks a free one. @default 7070 */
    port?: number;
  };
  limits?: {
    /** Most bytes of a request's body. @default 24 MiB */
    bodyBytes?: number;
    /** Longest time to answer one request, in milliseconds. @default 320000 */
    requestTimeoutMs?: number;
    /** Milliseconds that requests under way get when the node stops. @default 10000 */
    drainMs?: number;
  };
  /** Least level that is logged, to stderr. @default "info" */
  logLevel?: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
  /**
   * Starts no plugin, so that one that ends the node can be disabled or removed; `plugin.install`, `update` and
   * `reload` are refused. @default false
   */
  safeMode?: boolean;
  features?: {
    /** Run WASM plugins. @default true */
    "plugins-wasm"?: boolean;
  };
}

export type ResolvedNodeConfig = z.output<typeof configSchema>;

/** Checks a configuration and fills in the defaults. @throws AspenError `CONFIG_INVALID` naming every field */
export function resolveConfig(config: NodeConfig): ResolvedNodeConfig {
  const parsed = configSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  throw nodeErrors.configInvalid(
    parsed.error.issues.map(({ path, message }) => ({ field: path.join(".") || "(root)", rule: message })),
  );
}

/** The store's address without passwords, for logs and `node.info`. */
export function describeStore(config: Pick<ResolvedNodeConfig, "dataDir" | "redisUrl">): string {
  if (config.dataDir !== undefined) return `embedded:${config.dataDir}`;
  return maskRedisUrl(config.redisUrl ?? "redis:");
}
