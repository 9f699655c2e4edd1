/** What a plugin imports. @module */
export { AspenError, type ErrorClass, isAspenError } from "@aspen/plugin-api/abi";
export type { BlobReader } from "./api/blob-reader.js";
export type { BlobWriter } from "./api/blob-writer.js";
export { blobs, type OpenBlobOptions } from "./api/blobs.js";
export { clock } from "./api/clock.js";
export { type ClusterInfo, cluster } from "./api/cluster.js";
export { config } from "./api/config.js";
export { definePlugin, type Plugin } from "./api/define-plugin.js";
export { type EmitRequest, events } from "./api/events.js";
export { type HttpRequestInit, http } from "./api/http.js";
export type { HttpHeaders, HttpHeadersInit } from "./api/http-headers.js";
export type { HttpResponse } from "./api/http-response.js";
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
export type {
  CallContext,
  GuestCaller,
  Handler,
  HookEvent,
  PluginDefinition,
  PluginHealthReport,
  TimerTick,
} from "./api/plugin-definition.js";
export { PluginError } from "./api/plugin-error.js";
export { random } from "./api/random.js";
export { type CallOptions, rpc } from "./api/rpc.js";
export { signing } from "./api/signing.js";
export { type Timer, type TimerDefinition, timers } from "./api/timers.js";
