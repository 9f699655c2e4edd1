import { type AspenError, isAspenError, thrownError } from "@aspen/plugin-api";
import type { Dispatcher } from "@aspen/rpc-core";
import type { Logger } from "pino";

/** A dispatcher for callers in this process: a defect is in the log under the request id that its error names. */
export function loggedDefects(dispatcher: Pick<Dispatcher, "dispatch">, log: Logger): Pick<Dispatcher, "dispatch"> {
  return {
    async dispatch(request, context) {
      try {
        return await dispatcher.dispatch(request, context);
      } catch (error) {
        if (isAspenError(error) && error.code === "INTERNAL") logDefect(log, error, request.method, context.requestId);
        throw error;
      }
    },
  };
}

function logDefect(log: Logger, error: AspenError, method: string, requestId: string): void {
  log.error({ err: thrownError(error), code: error.code, method, requestId }, "refused");
}
