import { AspenError, cut, LIMITS, quoted } from "@aspen/plugin-api";

/** The errors of this package. */
export const nodeErrors = {
  configInvalid: (problems: readonly { field: string; rule: string }[]) =>
    new AspenError(
      "CONFIG_INVALID",
      `the node's configuration is not valid: ${problems.map(({ field, rule }) => `${field}: ${rule}`).join("; ")}`,
      { field: problems[0]?.field ?? "(root)", problems },
    ),
  listenFailed: (host: string, port: number, cause: unknown) =>
    new AspenError(
      "CONFIG_INVALID",
      `listen: cannot listen on ${host}:${port}: ${cause instanceof Error ? cause.message : String(cause)}; choose another port, or 0 for a free one`,
      { field: "listen.port", host, port },
      cause,
    ),
  stopping: () => new AspenError("NODE_UNREACHABLE", "the node is stopping; call again when it is back"),
  systemKey: (key: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `${quoted(key)} lies under "__sys:", which belongs to the node; use the plugin.* methods for plugins`,
      { key: cut(key) },
    ),
  conflict: (key: string, actual: unknown) =>
    new AspenError(
      "KV_CONFLICT",
      `${quoted(key)} ${actual === null ? "is absent" : "has another value than expected"}; read it and try again`,
      { key: cut(key), actual },
    ),
  resultTooLarge: (what: string) =>
    new AspenError("PAYLOAD_TOO_LARGE", `${what} is over ${LIMITS.messageBytes} bytes; ask for less at once`, {
      limit: LIMITS.messageBytes,
    }),
  bodyNotJson: (problem: string) =>
    new AspenError("INVALID_PARAMS", `the body is not JSON: ${problem}; send the params as one JSON value`, {
      field: "(body)",
    }),
  bodyTooDeep: () =>
    new AspenError("INVALID_PARAMS", `the body nests deeper than ${LIMITS.jsonDepth} levels; flatten it`, {
      field: "(body)",
      limit: LIMITS.jsonDepth,
    }),
  bodyTooLarge: (limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `the body is over ${limit} bytes; send less at once`, { limit }),
  blobTooLarge: (bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the blob has ${bytes} bytes; at most ${LIMITS.messageBytes} can be put or got by one call`,
      { bytes, limit: LIMITS.messageBytes },
    ),
  badRequest: (problem: string) => new AspenError("INVALID_PARAMS", `the request cannot be read: ${problem}`),
  noRoute: (request: string) =>
    new AspenError("METHOD_NOT_FOUND", `there is nothing at ${request}; methods are at POST /rpc/<method>`),
  verbNotAllowed: (verb: string, path: string, allow: string) =>
    new AspenError("VERB_NOT_ALLOWED", `${path} does not take ${verb}; use ${allow}`, { allow }),
  headersTooLarge: (limit: number) =>
    new AspenError(
      "HEADERS_TOO_LARGE",
      `the request line and headers are over ${limit} bytes; send fewer or shorter ones`,
      {
        limit,
      },
    ),
  requestTimeout: (limitMs: number) =>
    new AspenError("REQUEST_TIMEOUT", `the request did not arrive whole within ${limitMs} ms; send it again`, {
      limitMs,
    }),
  foreignHost: (host: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `the request names the host ${quoted(host)}; this node answers requests for a loopback address only`,
    ),
  foreignOrigin: (origin: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `the request comes from a page of ${quoted(origin)}; this node does not answer other sites`,
    ),
} as const;
