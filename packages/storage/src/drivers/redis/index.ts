/** The driver on Redis, for many nodes. @module */
export { openRedisClient } from "./connection/plain-client.js";
export { maskRedisUrl, parseRedisUrl, type RedisTopology } from "./connection/topology.js";
export type {
  RedisAddress,
  RedisClusterOptions,
  RedisSentinelOptions,
  RedisStoreOptions,
  RedisTlsOptions,
} from "./options.js";
export { openWorkerStore, RedisStore } from "./redis-store.js";
export { inspectRedis, type RedisReport, type RedisServerReport } from "./servers/inspect-redis.js";
