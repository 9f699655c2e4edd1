/** The conformance suite that every store passes; for drivers of your own. @module */
export { blobGarbageCases } from "./blob-garbage-cases.js";
export { blobStoreCases } from "./blob-store-cases.js";
export { keyValueStoreCases } from "./key-value-store-cases.js";
export { maintenanceCases } from "./maintenance-cases.js";
export { RedisCluster, type RedisClusterShape } from "./redis-cluster.js";
export { RedisSentinels, type RedisSentinelsShape } from "./redis-sentinels.js";
export { RedisServer } from "./redis-server.js";
export { type ConformanceCase, type ConformanceOptions, type TestFramework, testStore } from "./test-store.js";
export { watchCases } from "./watch-cases.js";
