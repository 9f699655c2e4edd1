import { type AspenError, isAspenError } from "@aspen/plugin-api/abi";
import { rpcErrors } from "../errors.js";

/** Codes of Node's fetch and of sockets for a connection that ended under a call, or that said nothing for minutes. */
const LOST = new Set(["UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "ECONNRESET", "EPIPE"]);

/**
 * What a failed fetch means for the call. Node says why one failed; a browser does not, so that the call may have been
 * done.
 */
export function failureOf(url: string, method: string, error: unknown): AspenError {
  if (isAspenError(error)) return error;
  const { cause, message } = error as { cause?: { code?: unknown }; message?: string };
  if (!cause) return rpcErrors.noAnswer(url, method, error);
  if (LOST.has(String(cause.code)) || message === "terminated") return rpcErrors.connectionLost(url, method, error);
  return rpcErrors.unreachable(url, error);
}
