import { z } from "zod";
import { LIMITS } from "./limits.js";
import { atMostBytes } from "./manifest-fields.js";
import { wholeNamespaces, withKvPrefixes } from "./namespaces.js";
import { isTopicPattern } from "./topic-pattern.js";

/** Names of timers. */
export const timerName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+$/, 'must be letters, digits, "_", "-" and "."')
  .max(LIMITS.timerNameCharacters);

const HUNDRED_YEARS_MS = 3_155_760_000_000;

const timerSchema = z
  .strictObject({
    name: timerName.describe("What the plugin's onTimer gets as its name."),
    every_ms: z
      .int()
      .min(LIMITS.timerLeastMs)
      .max(HUNDRED_YEARS_MS)
      .optional()
      .describe("Milliseconds from tick to tick; this or cron."),
    cron: z.string().min(1).max(256).optional().describe("A crontab of five fields, or six with the second first."),
    time_zone: z.string().min(1).max(64).optional().describe("Time zone of the crontab, such as Europe/Berlin; UTC."),
    payload: z
      .json()
      .refine(
        (payload) => atMostBytes(LIMITS.timerPayloadBytes)(JSON.stringify(payload)),
        `must have at most ${LIMITS.timerPayloadBytes} bytes as JSON`,
      )
      .optional()
      .describe("What the plugin gets with each tick."),
    catch_up: z.int().min(0).max(100).optional().describe("Ticks that are run of those that were missed; 1."),
    jitter_ms: z.int().min(0).max(86_400_000).optional().describe("Milliseconds by which ticks are spread; 0."),
  })
  .refine((timer) => (timer.every_ms === undefined) !== (timer.cron === undefined), "needs either every_ms or cron")
  .refine((timer) => timer.time_zone === undefined || timer.cron !== undefined, "has a time_zone without a cron");

const subscriptionSchema = z.strictObject({
  topic: z
    .string()
    .refine(isTopicPattern, 'must be a topic such as "note.changed", with * for one token or a final > for the rest')
    .describe("Topics of events: * stands for one token, > at the end for one or more."),
  recursive: z
    .boolean()
    .default(false)
    .describe("Also events that the plugin itself emitted while it was told of an event, and what came of those."),
});

/** What a plugin does when nobody calls it. */
export const backgroundFields = {
  timers: z
    .array(timerSchema)
    .max(LIMITS.manifestTimers)
    .refine((timers) => new Set(timers.map(({ name }) => name)).size === timers.length, "names a timer twice")
    .default([])
    .describe("When it is to be called, once in the cluster for each tick; needs the permission timers."),
  subscriptions: z
    .array(subscriptionSchema)
    .max(LIMITS.subscriptions)
    .default([])
    .describe(
      "Events of its own namespaces, and ends of its jobs, that it is told of; needs the permission hooks:subscribe.",
    ),
} as const;

export type ManifestTimer = z.output<typeof timerSchema>;
export type ManifestSubscription = z.output<typeof subscriptionSchema>;

interface Background {
  name: string;
  kv_prefixes: readonly string[];
  permissions: readonly string[];
  timers: readonly ManifestTimer[];
  subscriptions: readonly ManifestSubscription[];
}

/** What a manifest asks for and may not have. */
export function backgroundProblems(manifest: Background): { field: string; rule: string }[] {
  const problems: { field: string; rule: string }[] = [];
  const { timers, subscriptions, permissions, name, kv_prefixes } = manifest;
  if (timers.length > 0 && !permissions.includes("timers")) {
    problems.push({ field: "timers", rule: 'needs the permission "timers"' });
  }
  if (subscriptions.length === 0) return problems;
  if (!permissions.includes("hooks:subscribe")) {
    problems.push({ field: "subscriptions", rule: 'needs the permission "hooks:subscribe"' });
  }
  const submits = permissions.some((one) => one.startsWith("jobs:submit:"));
  if (!submits && wholeNamespaces(withKvPrefixes(name, kv_prefixes)).length === 0) {
    const rule =
      'needs a whole namespace among kv_prefixes, such as "app:": events are kept in one; or a permission jobs:submit:<type>, to be told of jobs';
    problems.push({ field: "subscriptions", rule });
  }
  return problems;
}
