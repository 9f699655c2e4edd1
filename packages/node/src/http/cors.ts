import type { IncomingMessage, ServerResponse } from "node:http";
import corsHeaders from "cors";

/** Seconds for which a browser need not ask again. */
const MAX_AGE_S = 600;

/** True when it has answered the request itself, as it only asked whether a page may send another. */
export type Cors = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * Tells browsers that pages of these sites may read the node's answers (https://fetch.spec.whatwg.org/#http-cors-protocol).
 * A request of any other site passes as it is, to be refused. Cookies are not allowed: a page sends a token.
 */
export function cors(origins: readonly string[]): Cors {
  if (origins.length === 0) return () => false;
  const allow = corsHeaders({
    origin: [...origins],
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    allowedHeaders: [
      "authorization",
      "content-type",
      "x-request-id",
      "x-aspen-timeout-ms",
      "traceparent",
      "tracestate",
    ],
    exposedHeaders: ["x-request-id", "retry-after", "www-authenticate", "allow"],
    maxAge: MAX_AGE_S,
  });
  return (request, response) => {
    const { origin } = request.headers;
    if (origin === undefined || !origins.includes(origin)) return false;
    // What the package takes for a preflight is every OPTIONS; one without this header is an ordinary request.
    const preflight = request.method === "OPTIONS" && "access-control-request-method" in request.headers;
    let passed = false;
    allow({ method: preflight ? "OPTIONS" : "GET", headers: request.headers }, response, () => {
      passed = true;
    });
    return !passed;
  };
}
