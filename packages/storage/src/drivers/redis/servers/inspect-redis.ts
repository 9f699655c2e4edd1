import type { Clock } from "@aspen/plugin-api";
import { thrownError } from "@aspen/plugin-api/abi";
import { RedisConnection } from "../connection/redis-connection.js";
import { topologyOf } from "../connection/topology.js";
import type { RedisStoreOptions } from "../options.js";
import { checkServer, fields, readSettings } from "./server-check.js";

/** What one server that takes writes says of itself. */
export interface RedisServerReport {
  /** For people: `the server`, or `the node HOST:PORT` of a cluster. */
  name: string;
  version: string;
  /** Null when it does not show its configuration to this user. */
  settings: { appendonly: string; maxmemory: number; maxmemoryPolicy: string } | null;
  /** What it last failed to write to its disk, a sentence each. */
  persistenceErrors: string[];
  usedMemoryBytes: number;
  /** Keys evicted since it was started. */
  evictedKeys: number;
  /** Milliseconds by which its clock is ahead of that of the caller, and by how much that may be wrong. */
  clockAheadMs: number;
  clockErrorMs: number;
}

export interface RedisReport {
  /** Why a node does not start on it; null when one does. */
  refusal: string | null;
  servers: RedisServerReport[];
}

/** Times that a server is asked for its time: the fastest answer says it best. */
const TIMES = 3;

/**
 * Asks every server that takes writes how it is and how it is configured; changes nothing.
 *
 * @param clock the one that is compared with those of the servers
 * @throws AspenError as `RedisStore.open` for malformed options, for servers that do not answer, and without ioredis
 */
export async function inspectRedis(
  options: Pick<RedisStoreOptions, "url" | "commandTimeoutMs">,
  clock: Clock,
): Promise<RedisReport> {
  const topology = topologyOf(options);
  const { commandTimeoutMs = 5000 } = options;
  const connection = await RedisConnection.open({
    ...{ topology, commandTimeoutMs, maxWaitingCommands: 100, waitReplicas: 0 },
  });
  try {
    const refusal = await checkServer(connection, topology.kind).then(
      () => null,
      (error: unknown) => thrownError(error).message,
    );
    return { refusal, servers: await reports(connection, clock) };
  } finally {
    connection.close();
  }
}

async function reports(connection: RedisConnection, clock: Clock): Promise<RedisServerReport[]> {
  // Whoever may not see the configuration may see the rest.
  const settings = await readSettings(connection).catch(() => []);
  return Promise.all(
    connection.primaries().map(async ({ name, read }) => {
      const info = fields(await read("INFO", []));
      const own = settings.find(({ node }) => node === name)?.settings;
      const { aheadMs, errorMs } = await clockOf(() => read("TIME", []), clock);
      return {
        name,
        version: info.get("redis_version") ?? "",
        settings: own?.size
          ? {
              appendonly: own.get("appendonly") ?? "",
              maxmemory: Number(own.get("maxmemory") ?? 0),
              maxmemoryPolicy: own.get("maxmemory-policy") ?? "",
            }
          : null,
        persistenceErrors: persistenceErrors(info),
        usedMemoryBytes: Number(info.get("used_memory") ?? 0),
        evictedKeys: Number(info.get("evicted_keys") ?? 0),
        clockAheadMs: aheadMs,
        clockErrorMs: errorMs,
      };
    }),
  );
}

/** When the server answered lies between the question and its answer. */
async function clockOf(read: () => Promise<unknown>, clock: Clock): Promise<{ aheadMs: number; errorMs: number }> {
  let best = { aheadMs: 0, errorMs: Number.POSITIVE_INFINITY };
  for (let i = 0; i < TIMES; i += 1) {
    const before = clock.now();
    const began = performance.now();
    const [seconds, microseconds] = ((await read()) as Buffer[]).map(Number);
    const errorMs = (performance.now() - began) / 2;
    const aheadMs = seconds! * 1000 + microseconds! / 1000 - (before + errorMs);
    if (errorMs < best.errorMs) best = { aheadMs, errorMs };
  }
  return best;
}

function persistenceErrors(info: ReadonlyMap<string, string>): string[] {
  const failed = (field: string) => (info.get(field) ?? "ok") !== "ok";
  return [
    ...(failed("rdb_last_bgsave_status") ? ["its last snapshot failed"] : []),
    ...(failed("aof_last_write_status") ? ["its last write to the append-only file failed"] : []),
    ...(failed("aof_last_bgrewrite_status") ? ["its last rewrite of the append-only file failed"] : []),
  ];
}
