import { hostErrors } from "../errors.js";
import type { PluginRpcRequest } from "../plugin-rpc.js";
import { defineHostFunction } from "./host-function.js";
import { bytesArg, optional, recordArg, stringArg } from "./parameters.js";

export const rpcCall = defineHostFunction<PluginRpcRequest>({
  prepare(_scope, args) {
    const method = stringArg(args, 0, "method");
    const timeoutMs = optional(recordArg(args, 2, "options").timeoutMs, "number", "timeoutMs");
    if (timeoutMs !== undefined && !(Number.isSafeInteger(timeoutMs) && timeoutMs >= 1)) {
      throw hostErrors.invalidArgument("timeoutMs", "must be a whole number of milliseconds, at least 1");
    }
    return { method, params: bytesArg(args, 1, "params"), timeoutMs };
  },
  run: ({ rpc }, request, { grant }, call) => rpc.call(grant, request, call),
});
