import type { IncomingHttpHeaders } from "node:http";
import type { TraceContext } from "@aspen/rpc-core";

/** Version 00, or what a later one has in front (https://www.w3.org/TR/trace-context/#versioning-of-traceparent). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

/** The place in a trace that a request says it has; none when its headers cannot be read, which is no error. */
export function traceOf({ traceparent, tracestate }: IncomingHttpHeaders): TraceContext | undefined {
  if (typeof traceparent !== "string" || !TRACEPARENT.test(traceparent)) return undefined;
  if (traceparent.startsWith("00-") && traceparent.length !== 55) return undefined;
  const known = typeof tracestate === "string" && TRACESTATE.test(tracestate);
  return { traceparent: traceparent.slice(0, 55), ...(known ? { tracestate } : {}) };
}

/** The headers with which a request goes on to another process. */
export function traceHeaders(trace: TraceContext | undefined): Record<string, string> {
  const { traceparent = "", tracestate } = trace ?? {};
  if (!TRACEPARENT.test(traceparent)) return {};
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}
