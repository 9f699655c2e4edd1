/** What a plugin imports. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export { blobs } from "./api/blobs.js";
export { clock } from "./api/clock.js";
export { config } from "./api/config.js";
export { definePlugin, type Plugin } from "./api/define-plugin.js";
export { type Job, type JobName, type JobRequest, jobs } from "./api/jobs.js";
export {
  type CasResult,
  type Check,
  type Entry,
  kv,
  type Op,
  type PutOptions,
  type ScanOptions,
  type ScanPage,
  type TransactResult,
} from "./api/kv.js";
export { type LogFields, log } from "./api/log.js";
export type { CallContext, Handler, PluginDefinition, PluginHealthReport } from "./api/plugin-definition.js";
export { random } from "./api/random.js";
