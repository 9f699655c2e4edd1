import { PermanentFailure } from "@aspen/jobs";
import { AspenError, cut, quoted } from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";

/** The errors of jobs of the type `wasm`. */
export const wasmJobErrors = {
  notAllowed: (method: string) =>
    new PermanentFailure(
      `jobs may not call ${quoted(method)}; name it in features.wasm-worker.methods of the node that is to run them`,
      "PERMISSION_DENIED",
    ),
  notGranted: ({ kind, id }: Caller, method: string) =>
    new PermanentFailure(
      `the job may not call ${quoted(method)}: ${kind} ${quoted(id)}, which submitted it, is not granted that`,
      "PERMISSION_DENIED",
    ),
  noMethod: (method: string, why: string) =>
    new PermanentFailure(`a job cannot call ${quoted(method)}: ${why}`, "METHOD_NOT_FOUND"),
  notWasm: (plugin: string) =>
    new PermanentFailure(
      `plugin ${plugin} is not of the WASM tier; a job of the type wasm cannot call it`,
      "PLUGIN_TIER_UNAVAILABLE",
    ),
  memoryOver: (bytes: number, most: number) =>
    new PermanentFailure(
      `memoryLimit is ${bytes} bytes; this node allows ${most}, by features.wasm-worker.maxMemoryBytes`,
      "INVALID_PARAMS",
    ),
} as const;

/** Codes of failures that the same job would have again. */
const PERMANENT = new Set([
  "BLOB_NOT_FOUND",
  "WASM_INVALID",
  "PAYLOAD_TOO_LARGE",
  "INVALID_PARAMS",
  "METHOD_NOT_FOUND",
]);

/** A failure that trying again will not mend is marked as such. */
export function jobFailure(thrown: unknown): unknown {
  const { code, message } = AspenError.from(thrown, "JOB_FAILED");
  return PERMANENT.has(code) && !(thrown instanceof PermanentFailure)
    ? new PermanentFailure(cut(message, 4096), code, thrown)
    : thrown;
}
