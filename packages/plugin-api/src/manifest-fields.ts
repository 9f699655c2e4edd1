import { z } from "zod";
import { LIMITS } from "./limits.js";

/** Checks that a text takes no more than this many bytes of UTF-8. */
export const atMostBytes = (bytes: number) => (text: string) => new TextEncoder().encode(text).length <= bytes;

const isWellFormed = (text: string) => !/\p{Surrogate}/u.test(text);

/**
 * Fields of a manifest that whoever installs the plugin may override; without their defaults. A new one gets its default
 * in `manifest.ts`.
 */
export const grantedFields = {
  priority: z
    .int()
    .min(LIMITS.pluginPriorityMin)
    .max(LIMITS.pluginPriorityMax)
    .describe("Order among handlers; the lowest that handles a method answers it."),
  kv_prefixes: z
    .array(
      z
        .string()
        .min(2)
        .refine(isWellFormed, "must be well-formed Unicode")
        .refine(atMostBytes(256), "must be at most 256 bytes")
        .regex(/[:/]$/, 'must end in a separator (":" or "/")'),
    )
    .max(LIMITS.kvPrefixes)
    .describe("Key prefixes it may use; empty stands for __plugin:{name}: alone."),
  memory_limit: z
    .int()
    .min(LIMITS.memoryMin)
    .max(LIMITS.memoryMax)
    .describe("Most memory of one instance, in bytes; rounded down to 64 KiB pages."),
  execution_timeout_ms: z
    .int()
    .min(LIMITS.timeoutMinMs)
    .max(LIMITS.timeoutMaxMs)
    .describe("Longest run of one call, in milliseconds."),
  max_instances: z.int().min(1).max(LIMITS.instancesMax).describe("Most instances of it on one node."),
} as const;
