import { errorStatus, isAspenError } from "@aspen/plugin-api";

/** An answer in Consul's own way: a status, and a sentence as plain text. */
export class ConsulError extends Error {
  override readonly name = "ConsulError";

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** What Consul answers with in the place of an error of the registry. */
export function consulErrorOf(error: unknown): ConsulError | null {
  if (error instanceof ConsulError) return error;
  if (!isAspenError(error)) return null;
  const { code, message } = error;
  if (code === "PERMISSION_DENIED" || code === "UNAUTHENTICATED") {
    return new ConsulError(403, `Permission denied: ${message}`);
  }
  const { http } = errorStatus(error);
  // Clients of Consul try 5xx again, at another server.
  return new ConsulError(Math.min(http, 500), message);
}
