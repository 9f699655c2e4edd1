import { LIMITS, type PluginOverrides } from "@aspen/plugin-api";
import type { Command } from "commander";
import { wholeNumber } from "../../command.js";
import { parseBytes } from "../../parse-bytes.js";

export interface OverrideFlags {
  kvPrefixes?: string[];
  priority?: number;
  memoryLimit?: number;
  timeoutMs?: number;
  maxInstances?: number;
}

/** What is granted in place of what plugin.json asks for. */
export function addOverrideOptions(command: Command): Command {
  const { pluginPriorityMin, pluginPriorityMax, memoryMin, memoryMax, timeoutMinMs, timeoutMaxMs } = LIMITS;
  return command
    .option("--kv-prefixes <list>", "key prefixes, separated by commas, instead of plugin.json's", (text) =>
      text.split(",").filter((prefix) => prefix !== ""),
    )
    .option("--priority <n>", "order among handlers, instead of plugin.json's", (text) =>
      wholeNumber(text, pluginPriorityMin, pluginPriorityMax),
    )
    .option("--memory-limit <size>", "memory of one instance (such as 64MiB), instead of plugin.json's", (text) =>
      parseBytes(text, memoryMin, memoryMax),
    )
    .option("--timeout-ms <ms>", "longest run of one call, instead of plugin.json's", (text) =>
      wholeNumber(text, timeoutMinMs, timeoutMaxMs),
    )
    .option("--max-instances <n>", "instances at once on each node, instead of plugin.json's", (text) =>
      wholeNumber(text, 1, LIMITS.instancesMax),
    );
}

export function overridesOf({
  kvPrefixes,
  priority,
  memoryLimit,
  timeoutMs,
  maxInstances,
}: OverrideFlags): PluginOverrides {
  return {
    ...(kvPrefixes === undefined ? {} : { kv_prefixes: kvPrefixes }),
    ...(priority === undefined ? {} : { priority }),
    ...(memoryLimit === undefined ? {} : { memory_limit: memoryLimit }),
    ...(timeoutMs === undefined ? {} : { execution_timeout_ms: timeoutMs }),
    ...(maxInstances === undefined ? {} : { max_instances: maxInstances }),
  };
}
