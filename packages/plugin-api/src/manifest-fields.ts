import { z } from "zod";
import { LIMITS } from "./limits.js";

/** Checks that a text takes no more than this many bytes of UTF-8. */
export const atMostBytes = (bytes: number) => (text: string) => new TextEncoder().encode(text).length <= bytes;

const isWellFormed = (text: string) => !/\p{Surrogate}/u.test(text);

/** Fields of a manifest that whoever installs the plugin may override; without their defaults. */
export const grantedFields = {
  priority: z.int().min(LIMITS.pluginPriorityMin).max(LIMITS.pluginPriorityMax),
  kv_prefixes: z
    .array(
      z
        .string()
        .min(2)
        .refine(isWellFormed, "must be well-formed Unicode")
        .refine(atMostBytes(256), "must be at most 256 bytes")
        .regex(/[:/]$/, 'must end in a separator (":" or "/")'),
    )
    .max(LIMITS.kvPrefixes),
  memory_limit: z.int().min(LIMITS.memoryMin).max(LIMITS.memoryMax),
  execution_timeout_ms: z.int().min(LIMITS.timeoutMinMs).max(LIMITS.timeoutMaxMs),
  max_instances: z.int().min(1).max(LIMITS.instancesMax),
} as const;
