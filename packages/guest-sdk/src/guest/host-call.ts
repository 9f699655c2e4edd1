import {
  AspenError,
  decodeUtf8,
  encodeUtf8,
  type HostFunctionName,
  type ImmediateHostFunctionName,
  NATIVE_HOSTS,
  type NativeHost,
  type NativeHosts,
  RESULT_ERROR,
  RESULT_NOT_FOUND,
  RESULT_OK,
} from "@aspen/plugin-api/abi";
import { sandbox } from "./intrinsics.js";

export type Argument = string | Uint8Array | null;

/**
 * Calls a host function. Gives the result's bytes, or null for "not found": at once in WASM, where a host call has
 * ended when it returns, and as a promise in a process of Node.
 *
 * @throws AspenError with the host's code, such as `PERMISSION_DENIED` or `KV_NAMESPACE_DENIED`; `PLUGIN_CALL_OVER`
 * outside of a plugin's call. The promise rejects with the same.
 */
export function hostCall(name: HostFunctionName, ...args: Argument[]): Uint8Array | null | Promise<Uint8Array | null> {
  for (const arg of args) assertBytes(name, arg);
  const inWasm = sandbox();
  if (inWasm) return resultOf(name, inWasm.host[name](...args));
  const answer = (nativeHost() ?? noHost(name)).call(name, args.map(copied));
  return answer instanceof Uint8Array ? resultOf(name, answer) : answer.then((result) => resultOf(name, result));
}

/** For results that are never "not found". */
export function hostCallExpecting(name: HostFunctionName, ...args: Argument[]): Uint8Array | Promise<Uint8Array> {
  const result = hostCall(name, ...args);
  return result instanceof Promise ? result.then((bytes) => expected(name, bytes)) : expected(name, result);
}

/** For host functions that are `immediate` in the ABI table. */
export function hostCallNow(name: ImmediateHostFunctionName, ...args: Argument[]): Uint8Array {
  const result = hostCall(name, ...args);
  if (result instanceof Promise) throw new AspenError("INTERNAL", `${name}: the host answered with a promise`);
  return expected(name, result);
}

/** For log records: sent in their order, and nobody waits for them. Where there is no host to take one, it is dropped. */
export function hostTell(name: HostFunctionName, ...args: Argument[]): void {
  if (sandbox()) hostCall(name, ...args);
  else void nativeHost()?.call(name, args.map(copied));
}

function noHost(name: HostFunctionName): never {
  throw new AspenError(
    "PLUGIN_CALL_OVER",
    `${name}: there is no host here; it can be called while a node runs one of the plugin's functions, not at a plugin's top level. Build the plugin with \`aspen plugin build\`, or name it in a node's configuration`,
    { hostFunction: name },
  );
}

function nativeHost(): NativeHost | undefined {
  return (globalThis as { [NATIVE_HOSTS]?: NativeHosts })[NATIVE_HOSTS]?.getStore();
}

/** The host works while the plugin goes on, which may change what it gave. */
function copied(arg: Argument): Uint8Array | null {
  return typeof arg === "string" ? encodeUtf8(arg) : arg && new Uint8Array(arg);
}

/** What a tagged result holds, or null for "not found". @throws AspenError with the host's code */
export function resultOf(name: HostFunctionName, result: Uint8Array | number): Uint8Array | null {
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

export function expected(name: HostFunctionName, result: Uint8Array | null): Uint8Array {
  if (result) return result;
  throw new AspenError("INTERNAL", `${name}: the host answered "not found", which it never should`);
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
