/** The conformance suite that every store passes; for drivers of your own. @module */
export { blobGarbageCases } from "./cases/blob-garbage-cases.js";
export { blobStoreCases } from "./cases/blob-store-cases.js";
export { keyValueStoreCases } from "./cases/key-value-store-cases.js";
export { maintenanceCases } from "./cases/maintenance-cases.js";
export { watchCases } from "./cases/watch-cases.js";
export type { ConformanceCase } from "./conformance-case.js";
export { RedisCluster, type RedisClusterShape } from "./redis/redis-cluster.js";
export { RedisSentinels, type RedisSentinelsShape } from "./redis/redis-sentinels.js";
export { RedisServer } from "./redis/redis-server.js";
export { UnrulyProxy } from "./redis/unruly-proxy.js";
export { seededRandom } from "./seeded-random.js";
export { type ConformanceOptions, type TestFramework, testStore } from "./test-store.js";
