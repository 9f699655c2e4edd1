import type { Cluster, Redis, RedisOptions } from "ioredis";
import type { RedisStoreOptions } from "../options.js";
import { loadIoredis } from "../packages.js";
import { credentials, MAX_CONNECT_MS, retryStrategy, sentinelSettings } from "./clients.js";
import { topologyOf } from "./topology.js";

/**
 * A client of ioredis to the servers of a store, for libraries on Redis that bring their own commands and keys. It connects
 * by itself, and again; a command that has no answer in `commandTimeoutMs`, or loses its connection, fails and is not sent
 * again. The caller ends it with `disconnect`.
 *
 * @throws AspenError `INVALID_PARAMS` for malformed options, `PACKAGE_MISSING` without ioredis
 */
export async function openRedisClient(options: RedisStoreOptions): Promise<Redis | Cluster> {
  const topology = topologyOf(options);
  const { Redis, Cluster } = await loadIoredis();
  const timeoutMs = options.commandTimeoutMs ?? 5000;
  const connectTimeout = Math.min(timeoutMs, MAX_CONNECT_MS);
  const settings = {
    ...credentials(topology),
    replyMapping: "legacy",
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: timeoutMs,
    connectTimeout,
    socketTimeout: timeoutMs,
    retryStrategy,
  } satisfies RedisOptions;
  const { kind, nodes, database } = topology;
  if (kind === "cluster") {
    return new Cluster(nodes, {
      redisOptions: settings,
      retryDelayOnFailover: 0,
      clusterRetryStrategy: retryStrategy,
      ...(topology.tls ? { dnsLookup: (host, callback) => callback(null, host) } : {}),
    });
  }
  const where = kind === "sentinel" ? sentinelSettings(topology, 0, connectTimeout) : nodes[0]!;
  return new Redis({ ...settings, ...where, db: database });
}
