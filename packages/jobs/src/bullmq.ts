/** The queue on BullMQ, which needs the packages bullmq and ioredis. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export { BullMqJobQueue, type BullMqJobQueueOptions } from "./queue/bullmq/bullmq-job-queue.js";
export type { JobEventPage, JobEventsOptions } from "./queue/bullmq/events.js";
export type { RedisBatch, RedisLike, RedisSubscriber } from "./queue/bullmq/redis-like.js";
