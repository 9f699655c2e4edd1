import type { HostFunctionName, ImmediateHostFunctionName } from "@aspen/plugin-api/abi";
import {
  blobClose,
  blobCommit,
  blobCreate,
  blobGet,
  blobHas,
  blobOpen,
  blobPut,
  blobRead,
  blobWrite,
} from "./blobs.js";
import { clusterInfo } from "./cluster.js";
import { clockNow, configGet, randomBytesCall } from "./environment.js";
import { eventsEmit } from "./events.js";
import type { HostFunction, ImmediateHostFunction } from "./host-function.js";
import { httpClose, httpOpen, httpRead } from "./http.js";
import { jobsCancel, jobsGet, jobsSubmit } from "./jobs.js";
import { kvCas, kvDelete, kvGet, kvGetMany, kvPut, kvScan, kvTransact } from "./kv.js";
import { logWrite } from "./log.js";
import { callSubmit, callWait } from "./overlap.js";
import { rpcCall } from "./rpc.js";
import { signingPublicKey, signingSign, signingVerify } from "./signing.js";
import { timersCancel, timersList, timersSet } from "./timers.js";

type Registry = Readonly<
  Record<HostFunctionName, HostFunction<unknown>> & Record<ImmediateHostFunctionName, ImmediateHostFunction<unknown>>
>;

/**
 * What serves each row of the ABI table; a row without an entry does not compile, nor does one that is `immediate` and
 * served by a function that may wait. Each entry has a parameter type of its own, which callers only hand from `prepare`
 * to `run`.
 */
export const HOST_FUNCTION_REGISTRY: Registry = {
  kv_get: kvGet,
  kv_get_many: kvGetMany,
  kv_put: kvPut,
  kv_delete: kvDelete,
  kv_scan: kvScan,
  kv_cas: kvCas,
  kv_transact: kvTransact,
  events_emit: eventsEmit,
  timers_set: timersSet,
  timers_cancel: timersCancel,
  timers_list: timersList,
  blob_put: blobPut,
  blob_get: blobGet,
  blob_has: blobHas,
  blob_open: blobOpen,
  blob_read: blobRead,
  blob_create: blobCreate,
  blob_write: blobWrite,
  blob_commit: blobCommit,
  blob_close: blobClose,
  rpc_call: rpcCall,
  call_submit: callSubmit,
  call_wait: callWait,
  http_open: httpOpen,
  http_read: httpRead,
  http_close: httpClose,
  signing_sign: signingSign,
  signing_verify: signingVerify,
  signing_public_key: signingPublicKey,
  cluster_info: clusterInfo,
  jobs_submit: jobsSubmit,
  jobs_get: jobsGet,
  jobs_cancel: jobsCancel,
  log_write: logWrite,
  clock_now: clockNow,
  random_bytes: randomBytesCall,
  config_get: configGet,
};
