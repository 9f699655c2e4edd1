import { type AspenError, errorStatus, isAspenError, type Logger, thrownError } from "@aspen/plugin-api";
import { rpcErrors } from "@aspen/rpc-core";

/** What a plugin does wrong is in its own log already. The stack of this process explains only its own defects. */
const PLUGIN_FAULTS = new Set(["PLUGIN_TRAP", "PLUGIN_TIMEOUT", "PLUGIN_OUT_OF_MEMORY", "PLUGIN_INVALID_RESPONSE"]);

/** What was thrown, as an error with a code; a defect becomes `INTERNAL`. */
export function withCode(error: unknown, requestId: string): AspenError {
  return isAspenError(error) ? error : rpcErrors.internal(requestId, error);
}

/** Says in the log that a request was refused: loudly when that is the node's fault. */
export function logRefusal(log: Logger, error: AspenError, fields: Record<string, unknown>): void {
  const { code, message: reason } = error;
  const told = code === "INTERNAL" ? { err: thrownError(error), code, ...fields } : { reason, code, ...fields };
  log[levelOf(error)](told, "refused");
}

function levelOf(error: AspenError): "error" | "warn" | "debug" {
  const { code, details } = error;
  if (code === "INTERNAL") return "error";
  return errorStatus(error).user || PLUGIN_FAULTS.has(code) || details?.status === "starting" ? "debug" : "warn";
}
