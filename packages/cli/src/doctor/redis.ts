import { AspenError, type Clock } from "@aspen/plugin-api";
import type { RedisServerReport } from "@aspen/storage/redis";
import { formatBytes } from "../format-bytes.js";
import { clockDifference } from "./clock.js";
import { type Finding, ok, problem, warning } from "./finding.js";

/** The least version whose commands the store uses. */
const MAJOR = 7;
/** Part of its memory from which on a server is about to be full. */
const FULL = 0.9;

/** Whether a node can work on the Redis of this address, and keeps there what it writes. */
export async function checkRedis(url: string, clock: Clock): Promise<Finding[]> {
  // Its client is for those who have such a store.
  const { inspectRedis, maskRedisUrl } = await import("@aspen/storage/redis");
  const address = maskRedisUrl(url);
  try {
    const { refusal, servers } = await inspectRedis({ url }, clock);
    const findings = servers.flatMap(checkServer);
    const named = findings.some(({ state }) => state === "problem");
    if (refusal === null) findings.unshift(ok("redis", `${address} answers`));
    else if (!named)
      findings.unshift(problem("redis", refusal, "a node does not start on it: do what the message says"));
    return findings;
  } catch (thrown) {
    return [
      problem(
        "redis",
        `${address} cannot be used: ${AspenError.from(thrown).message}`,
        "start Redis, and see that its address, user and password are right: `aspen config print` shows where they come from",
      ),
    ];
  }
}

function checkServer(server: RedisServerReport): Finding[] {
  const { name, version, clockAheadMs, clockErrorMs } = server;
  const old = Number.parseInt(version, 10) < MAJOR;
  return [
    old
      ? problem("redis", `${name} has version ${version}; ${MAJOR} or later is needed`, "upgrade Redis")
      : ok("redis", `${name} has version ${version}`),
    ...checkSettings(server),
    ...checkKept(server),
    clockDifference(name, clockAheadMs, clockErrorMs),
  ];
}

function checkSettings({ name, settings, usedMemoryBytes }: RedisServerReport): Finding[] {
  if (!settings) {
    return [
      warning(
        "redis",
        `${name} does not show its configuration, so that nobody knows what it keeps`,
        "let the user run CONFIG GET (ACL SETUSER … +config|get), or see yourself that appendonly is yes and maxmemory-policy noeviction",
      ),
    ];
  }
  const { appendonly, maxmemory, maxmemoryPolicy } = settings;
  const findings: Finding[] = [];
  if (maxmemoryPolicy !== "noeviction") {
    const message = `${name} evicts keys when its memory is full: maxmemory-policy is ${maxmemoryPolicy}`;
    findings.push(problem("redis", message, configSet("maxmemory-policy noeviction")));
  }
  if (appendonly !== "yes") {
    const message = `${name} keeps no append-only file: what was written since its last snapshot is lost when it ends`;
    findings.push(problem("redis", message, configSet("appendonly yes")));
  }
  if (maxmemory > 0 && usedMemoryBytes > maxmemory * FULL) {
    const message = `${name} uses ${formatBytes(usedMemoryBytes)} of the ${formatBytes(maxmemory)} that it may have`;
    findings.push(
      warning("redis", message, "raise maxmemory, or remove what is not needed: `aspen store stats`, `aspen blob gc`"),
    );
  }
  if (findings.length === 0) findings.push(ok("redis", `${name} keeps an append-only file, and evicts nothing`));
  return findings;
}

function checkKept({ name, persistenceErrors, evictedKeys }: RedisServerReport): Finding[] {
  const findings = persistenceErrors.map((error) =>
    problem(
      "redis",
      `${name}: ${error}`,
      "look at its log, and at the space and the rights of its folder (CONFIG GET dir)",
    ),
  );
  if (evictedKeys > 0) {
    const message = `${name} has evicted ${evictedKeys} keys since it was started, which are lost`;
    findings.push(warning("redis", message, "run `aspen store verify` on it"));
  }
  return findings;
}

function configSet(setting: string): string {
  return `redis-cli CONFIG SET ${setting}, then CONFIG REWRITE, or \`${setting}\` in its configuration file`;
}
