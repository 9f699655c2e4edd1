import {
  ERROR_CLASSES,
  type ErrorClass,
  LIFECYCLE_STATES,
  overridesSchema,
  type PluginTierName,
  TIER_FEATURES,
} from "@aspen/plugin-api";
import { z } from "zod";

/** A timer of a manifest. Its payload is any JSON, which OpenAPI has no word for but this. */
const timerSchema = z.strictObject({
  name: z.string(),
  every_ms: z.number().optional(),
  cron: z.string().optional(),
  time_zone: z.string().optional(),
  payload: z.unknown().optional(),
  catch_up: z.number().optional(),
  jitter_ms: z.number().optional(),
});

/** Results of `plugin.*`: `PluginStatus` and `InstalledPlugin` of `@aspen/plugin-host`, which the compiler holds against these. */
export const pluginStatusSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  state: z.enum(LIFECYCLE_STATES),
  enabled: z.boolean(),
  priority: z.number(),
  handles: z.array(z.string()),
  permissions: z.array(z.string()),
  kvPrefixes: z.array(z.string()),
  timers: z.array(timerSchema),
  subscriptions: z.array(z.strictObject({ topic: z.string(), recursive: z.boolean() })),
  memoryLimit: z.number(),
  executionTimeoutMs: z.number(),
  maxInstances: z.number(),
  overrides: overridesSchema,
  description: z.string().optional(),
  tier: z.enum(Object.keys(TIER_FEATURES) as [PluginTierName, ...PluginTierName[]]),
  artifacts: z.array(z.strictObject({ name: z.string(), hash: z.string(), bytes: z.number() })),
  official: z.string().nullable(),
  revision: z.string(),
  installedAt: z.string(),
  updatedAt: z.string(),
  error: z
    .strictObject({
      code: z.string(),
      class: z.enum(Object.keys(ERROR_CLASSES) as [ErrorClass, ...ErrorClass[]]).optional(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
  breaker: z
    .strictObject({ state: z.enum(["open", "half-open"]), code: z.string(), retryAfterMs: z.number() })
    .optional(),
});

export const installedPluginSchema = z.strictObject({
  ...pluginStatusSchema.shape,
  shadowed: z.array(z.strictObject({ method: z.string(), by: z.string(), priority: z.number() })),
  takenOver: z.array(z.strictObject({ method: z.string(), from: z.string() })),
  warnings: z.array(z.string()),
});

/** A plugin after a change that starts it, where it was not running already. */
export const startedPluginSchema = installedPluginSchema.partial({ shadowed: true, takenOver: true, warnings: true });

export const deadEventSchema = z.strictObject({
  event: z.string().describe("Its id; the event is in the log of its namespace as long as that keeps it."),
  topic: z.string(),
  subject: z.string().optional(),
  time: z.string().describe("When it was emitted, RFC 3339."),
  error: z.strictObject({ code: z.string(), message: z.string() }).describe("What the last call failed with."),
  attempts: z.number().describe("Calls that failed."),
});

/** What came of telling a plugin of its dead events again: `Redriven` of `@aspen/plugin-host`. */
export const redrivenSchema = z.strictObject({
  taken: z.array(z.string()).describe("Ids of those that it took; they are dead no more."),
  failed: z
    .array(z.strictObject({ event: z.string(), error: z.strictObject({ code: z.string(), message: z.string() }) }))
    .describe("Those that it did not take; they stay dead."),
  gone: z.array(z.string()).describe("Ids of those that the log of their namespace keeps no more."),
});

export const pluginListSchema = z.strictObject({
  safeMode: z.boolean(),
  plugins: z.array(pluginStatusSchema),
  unreadable: z.array(z.strictObject({ name: z.string(), message: z.string() })),
});

/** Levels of a plugin's log, the least first; those of `@aspen/plugin-host`, of which nothing is loaded for a schema. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** A page of a plugin's log. */
export const pluginLogsSchema = z.strictObject({
  node: z.string().describe("Id of the node whose log it is."),
  lines: z.array(
    z.strictObject({
      at: z.number().describe("Milliseconds since the Unix epoch."),
      level: z.enum(LOG_LEVELS),
      message: z.string(),
      requestId: z.string().optional(),
      fields: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
  cursor: z.string().describe("Pass it as `after` for what comes next."),
  dropped: z.number().describe("Lines that made room for later ones, since the cursor or since the node's start."),
});
