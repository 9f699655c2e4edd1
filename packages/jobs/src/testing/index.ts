/** The conformance suite of the queue contract; for engines of your own. @module */
export type { QueueCapability, QueueCase, QueueUnderTest } from "./queue-case.js";
export { jobQueueCases } from "./queue-cases.js";
export { type QueueConformanceOptions, testJobQueue } from "./test-job-queue.js";
