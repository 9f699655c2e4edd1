import {
  AspenError,
  decodeUtf8,
  type HostFunctionName,
  RESULT_ERROR,
  RESULT_NOT_FOUND,
  RESULT_OK,
} from "@aspen/plugin-api/abi";
import { intrinsics } from "./intrinsics.js";

/**
 * Calls a host function. Returns the result's bytes, or null for "not found".
 *
 * @throws AspenError with the host's code, such as `PERMISSION_DENIED` or `KV_NAMESPACE_DENIED`
 */
export function hostCall(name: HostFunctionName, ...args: (string | Uint8Array | null)[]): Uint8Array | null {
  for (const arg of args) assertBytes(name, arg);
  const result = intrinsics().host[name](...args);
  if (typeof result === "number") {
    throw result === 0
      ? new AspenError("PAYLOAD_TOO_LARGE", `${name}: the data of this call's host functions is over the limit`)
      : new AspenError("PLUGIN_OUT_OF_MEMORY", `${name}: the plugin's memory is full`);
  }
  switch (result[0]) {
    case RESULT_OK:
      return result.subarray(1);
    case RESULT_NOT_FOUND:
      return null;
    case RESULT_ERROR:
      throw AspenError.fromJSON(JSON.parse(decodeUtf8(result.subarray(1))));
    default:
      throw new AspenError("INTERNAL", `${name}: the host answered with an unknown tag`);
  }
}

/** What is neither would reach the host as nothing, and be stored so. */
export function assertBytes(name: HostFunctionName, arg: unknown): void {
  if (typeof arg === "string" || arg instanceof Uint8Array || arg === null) return;
  throw new AspenError("INVALID_PARAMS", `${name} takes strings and Uint8Arrays, not ${describe(arg)}`);
}

function describe(value: unknown): string {
  if (typeof value !== "object") return `a value of type ${typeof value}`;
  return `a ${value?.constructor?.name ?? "value"}`;
}

/** For results that are never "not found". */
export function hostCallExpecting(name: HostFunctionName, ...args: (string | Uint8Array | null)[]): Uint8Array {
  const result = hostCall(name, ...args);
  if (result) return result;
  throw new AspenError("INTERNAL", `${name}: the host answered "not found", which it never should`);
}
