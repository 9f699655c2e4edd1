import { isAspenError } from "@aspen/plugin-api/abi";
import { storageErrors } from "../../../errors.js";
import type { RedisConnection } from "../connection/redis-connection.js";
import type { RedisTopology } from "../connection/topology.js";

const SLOTS = 16_384;
const SETTINGS = ["appendonly", "maxmemory", "maxmemory-policy"] as const;

/**
 * Checks the configuration of the servers; returns a sentence for each setting by which data may be lost.
 * @throws AspenError `STORE_UNAVAILABLE` for a server that must not be used: it is of another kind, is a replica or evicts
 * keys; or for a cluster that is down or has slots without a node
 */
export async function checkServer(connection: RedisConnection, kind: RedisTopology["kind"]): Promise<string[]> {
  if (kind === "cluster") await checkCluster(connection);
  const warnings: string[] = [];
  for (const { node, reply } of await connection.readFromPrimaries("INFO", [])) {
    const info = fields(reply);
    const mode = info.get("redis_mode");
    if (kind !== "cluster" && mode === "cluster") {
      throw storageErrors.unavailable(`${node} is a node of a cluster; use redis+cluster://`);
    }
    if (mode === "sentinel") throw storageErrors.unavailable(`${node} is a Sentinel; use redis+sentinel://host/name`);
    if (info.get("role") === "slave") {
      throw storageErrors.unavailable(`${node} is a replica, which takes no writes; name the primary`);
    }
    if (kind !== "standalone" && info.get("connected_slaves") === "0") {
      warnings.push(`${named(node)} has no replica that could take over: without it, what it has cannot be reached`);
    }
  }
  let settings: { node: string; settings: Map<string, string> }[];
  try {
    settings = await readSettings(connection);
  } catch (error) {
    if (!isAspenError(error)) throw error;
    return [
      ...warnings,
      `Redis does not show its configuration (${error.message}), so that nobody knows what it keeps`,
    ];
  }
  for (const { node, settings: own } of settings) warnings.push(...checkSettings(node, own));
  return warnings;
}

/** How many keys each primary has evicted since it was started. */
export async function evictedKeys(connection: RedisConnection): Promise<{ node: string; evicted: number }[]> {
  const replies = await connection.readFromPrimaries("INFO", ["stats"]);
  return replies.map(({ node, reply }) => ({ node, evicted: Number(fields(reply).get("evicted_keys") ?? 0) }));
}

async function checkCluster(connection: RedisConnection): Promise<void> {
  // Any node first: when it knows that another node is down, the check need not wait for that node.
  checkClusterInfo("a node", await connection.read("CLUSTER", ["INFO"]));
  for (const { node, reply } of await connection.readFromPrimaries("CLUSTER", ["INFO"])) checkClusterInfo(node, reply);
}

function checkClusterInfo(node: string, reply: unknown): void {
  const cluster = fields(reply);
  const assigned = Number(cluster.get("cluster_slots_assigned"));
  if (assigned !== SLOTS) {
    throw storageErrors.unavailable(
      `${SLOTS - assigned} of the cluster's ${SLOTS} slots have no node, as ${node} sees it; assign them`,
    );
  }
  if (cluster.get("cluster_state") !== "ok") {
    const failing = SLOTS - Number(cluster.get("cluster_slots_ok"));
    throw storageErrors.unavailable(
      `the cluster is down, as ${node} sees it: the nodes of ${failing} slots do not answer`,
    );
  }
}

function checkSettings(node: string, settings: Map<string, string>): string[] {
  const warnings: string[] = [];
  const policy = settings.get("maxmemory-policy") ?? "noeviction";
  if (policy !== "noeviction" && Number(settings.get("maxmemory")) > 0) {
    throw storageErrors.unavailable(
      `${node} evicts keys when its memory is full (maxmemory-policy ${policy}); set it to noeviction`,
    );
  }
  if (policy !== "noeviction") {
    warnings.push(
      `${named(node)} would evict keys if it had a limit on memory (maxmemory-policy ${policy}); set it to noeviction`,
    );
  }
  if (settings.get("appendonly") !== "yes") {
    warnings.push(
      `${named(node)} keeps no append-only file: what was written since its last snapshot is lost when it ends; set appendonly yes`,
    );
  }
  return warnings;
}

/** What is set, by server; only what is of interest here. */
export async function readSettings(connection: RedisConnection) {
  const settings = new Map<string, Map<string, string>>();
  for (const name of SETTINGS) {
    for (const { node, reply } of await connection.readFromPrimaries("CONFIG", ["GET", name])) {
      const own = settings.get(node) ?? new Map<string, string>();
      const [key, value] = reply as Buffer[];
      if (key && value) own.set(key.toString(), value.toString());
      settings.set(node, own);
    }
  }
  return [...settings].map(([node, own]) => ({ node, settings: own }));
}

/** The lines `name:value` of INFO. */
export function fields(reply: unknown): Map<string, string> {
  const lines = String(reply).split("\r\n");
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

/** As the first word of a sentence. */
function named(node: string): string {
  return node.charAt(0).toUpperCase() + node.slice(1);
}
