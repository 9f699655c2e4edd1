import type { SystemTool } from "@aspen/feature";
import { AspenError, cut, isAspenError, LIMITS, quoted, thrownError } from "@aspen/plugin-api";
import { ADMIN_GRANT, type Caller, type Grants, grantsKey, grantsMethod } from "@aspen/rpc-core";

/** Why a token is refused, as `details.reason` says it. */
const TOKEN_REFUSALS = {
  malformed: "it is no token of a node",
  algorithm: "it is signed in a way that nodes do not take",
  "unknown-key": "this cluster has no such key; its node may be another, or the key was dropped",
  signature: "its signature is not good",
  audience: "it is meant for others",
  expired: "it has expired; have another made",
  revoked: "it was revoked, or one that it was derived from; have another made",
} as const;

export type TokenRefusal = keyof typeof TOKEN_REFUSALS;

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
      `listen: cannot listen on ${host}:${port}: ${textOf(cause)}; choose another port, or 0 for a free one`,
      { field: "listen.port", host, port },
      cause,
    ),
  listenForeign: (host: string, address: string | null) =>
    new AspenError(
      "CONFIG_INVALID",
      `listen: ${host} ${address === null ? "has no address" : `stands for ${address}, which other machines can reach`}; name a loopback address, such as 127.0.0.1, or turn authentication on (auth)`,
      { field: "listen.host", host, address },
    ),
  socketFailed: (path: string, cause: unknown) =>
    new AspenError(
      "CONFIG_INVALID",
      `listen.socket: cannot listen on ${quoted(path)}: ${textOf(cause)}`,
      { field: "listen.socket", path: cut(path) },
      thrownError(cause),
    ),
  tlsInvalid: (field: string, cause: unknown) =>
    new AspenError(
      "CONFIG_INVALID",
      `${field}: cannot be used: ${textOf(cause)}; name PEM files of a certificate and of its own key, without a password`,
      { field },
    ),
  mountInvalid: (prefix: string, rule: string) =>
    new AspenError("CONFIG_INVALID", `the HTTP mount ${quoted(prefix)} cannot be served; its ${rule}`, { prefix }),
  mountSilent: (prefix: string, ms: number) =>
    new AspenError("INTERNAL", `${prefix} gave no answer within ${ms} ms after it returned; correct the mount`, {
      prefix,
    }),
  mountTaken: (prefix: string, other: string) =>
    new AspenError(
      "CONFIG_INVALID",
      `the HTTP mount ${prefix} cannot be served: ${other} answers the same path; choose another prefix`,
      { prefix, other },
    ),
  toolMissing: (problems: readonly { feature: string; tool: SystemTool; problem: string }[]) => {
    const sentence = ({ feature, tool, problem }: (typeof problems)[number]) => {
      const { command, version, purpose, install } = tool;
      return `${command}${version ? ` ${version}` : ""} ${problem}, which ${feature} needs ${purpose}: ${install}`;
    };
    const tools = problems.map(({ feature, tool: { command, version }, problem }) => ({
      ...{ feature, command, problem },
      ...(version === undefined ? {} : { version }),
    }));
    return new AspenError(
      "TOOL_MISSING",
      `a program is missing or does not fit; ${problems.map(sentence).join("; ")}; or switch the feature off`,
      { tools },
    );
  },
  featureFailed: (feature: string, from: string, cause: unknown) =>
    new AspenError(
      "FEATURE_FAILED",
      `the feature ${feature} cannot be loaded from ${from}: ${textOf(cause)}; install it anew, or set features.${feature} to false`,
      { feature, package: from },
      thrownError(cause),
    ),
  featureBroken: (feature: string, step: string, cause: unknown) =>
    new AspenError(
      isAspenError(cause) ? cause.code : "FEATURE_FAILED",
      `the feature ${feature} failed in its ${step}: ${textOf(cause)}; mend it, or set features.${feature} to false`,
      { ...(isAspenError(cause) ? cause.details : {}), feature },
      thrownError(cause),
    ),
  featureLate: (feature: string, step: string, ms: number) =>
    new AspenError(
      "FEATURE_FAILED",
      `the feature ${feature} did not end its ${step} within ${ms} ms (limits.serviceStartMs); look why, allow it more, or set features.${feature} to false`,
      { feature, limitMs: ms },
    ),
  serviceFailed: (service: string, cause: unknown) =>
    new AspenError(
      isAspenError(cause) ? cause.code : "FEATURE_FAILED",
      `the service ${service} did not start: ${textOf(cause)}`,
      { ...(isAspenError(cause) ? cause.details : {}), service },
      thrownError(cause),
    ),
  serviceLate: (service: string, ms: number) =>
    new AspenError(
      "FEATURE_FAILED",
      `the service ${service} did not start within ${ms} ms (limits.serviceStartMs); look why, or allow it more`,
      { service, limitMs: ms },
    ),
  measureTaken: (name: string) =>
    new AspenError("CONFIG_INVALID", `two features measure ${name}; rename one of the meters`, { name }),
  measureInvalid: (name: string) =>
    new AspenError(
      "CONFIG_INVALID",
      `${quoted(name)} is no name of a meter; use letters, digits and "_", not a digit first`,
      { name },
    ),
  callerUnknown: (prefix: string) =>
    new AspenError("UNAUTHENTICATED", `${prefix} answers those whom the node knows; send a token`, {
      prefix,
      reason: "missing",
    }),
  tokenRefused: (reason: TokenRefusal) =>
    new AspenError("UNAUTHENTICATED", `the token is refused: ${TOKEN_REFUSALS[reason]}`, { reason }),
  tokensUnknown: () =>
    new AspenError(
      "UNAUTHENTICATED",
      "this node takes no tokens; set features.auth, or send the request without the header Authorization",
      { reason: "off" },
    ),
  tokenNotFound: (id: string) =>
    new AspenError("TOKEN_NOT_FOUND", `no token has the id ${quoted(id)}, or it is not yours to see; list yours`, {
      id: cut(id),
    }),
  noOwnToken: () =>
    new AspenError("INVALID_PARAMS", "you hold no token; name the one to show by its id", { field: "id" }),
  revocationsUnknown: (ms: number) =>
    new AspenError(
      "STORE_UNAVAILABLE",
      `the store has been away for over ${ms} ms, so that it is not known whether the token was revoked; mend the store, then call again`,
      { limitMs: ms },
    ),
  keysUnreadable: (cause: unknown) =>
    new AspenError(
      "STORE_INCONSISTENT",
      "the keys that sign tokens are missing from the store or cannot be read; restore them from an export",
      undefined,
      cause === null ? undefined : thrownError(cause),
    ),
  keysChanged: () =>
    new AspenError("KV_CONFLICT", "the keys that sign tokens were changed at the same time; look, and rotate again"),
  keysTooMany: (limit: number) =>
    new AspenError(
      "INVALID_PARAMS",
      `${limit} former keys are kept for tokens that have not expired; wait, or drop them with their tokens (drop: true)`,
      { limit },
    ),
  grantsTooWide: (held: Grants, wanted: Grants) => {
    const methods = wanted.methods.filter((pattern) => !grantsMethod(held, pattern));
    const kvPrefixes = wanted.kvPrefixes.filter((prefix) => !grantsKey(held, prefix));
    const named = [...methods, ...kvPrefixes.map((prefix) => `keys ${quoted(prefix)}`)].join(", ");
    return new AspenError(
      "PERMISSION_DENIED",
      `a token grants no more than its maker may, who is not granted ${cut(named, 512)}; ask for less`,
      { methods, kvPrefixes },
    );
  },
  expiryTooLate: (latest: number) =>
    new AspenError(
      "INVALID_PARAMS",
      `a token does not outlive the one that it is derived from, which expires at ${new Date(latest).toISOString()}; ask for less time`,
      { field: "expiresInMs", latest },
    ),
  chainTooLong: (limit: number) =>
    new AspenError("INVALID_PARAMS", `a token can be derived ${limit} times, one from the other; use one further up`, {
      limit,
    }),
  tokenTooLarge: (characters: number, limit: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the token has ${characters} characters; at most ${limit} fit into a header: grant fewer or shorter patterns`,
      { limit },
    ),
  notAMaker: ({ kind, id }: Caller) =>
    new AspenError(
      "PERMISSION_DENIED",
      `a caller of kind ${kind} makes no tokens; ask with a token, or on the machine`,
      {
        caller: { kind, id: cut(id) },
      },
    ),
  pluginKey: (key: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `${quoted(key)} belongs to a plugin; call its methods, or have the grant admin`,
      { key: cut(key), needed: ADMIN_GRANT },
    ),
  rateLimited: (retryAfterMs: number) =>
    new AspenError("RATE_LIMITED", `you ask more often than you may; ask again in ${retryAfterMs} ms`, {
      retryAfterMs,
    }),
  authenticationThrottled: (retryAfterMs: number) =>
    new AspenError(
      "RATE_LIMITED",
      `your address has sent too many credentials that do not count; send good ones in ${retryAfterMs} ms`,
      { retryAfterMs },
    ),
  schemeTaken: (scheme: string) =>
    new AspenError("CONFIG_INVALID", `two features take credentials of the scheme ${quoted(scheme)}; turn one off`, {
      scheme: cut(scheme),
    }),
  starting: () =>
    new AspenError("NODE_UNREACHABLE", "the node is starting; call again when it is ready", { status: "starting" }),
  stopping: () => new AspenError("NODE_UNREACHABLE", "the node is stopping; call again when it is back"),
  cutShort: () =>
    new AspenError(
      "OUTCOME_UNKNOWN",
      "the node stopped while the call was under way; what it had written stays, read it before you call again",
    ),
  systemKey: (key: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `${quoted(key)} belongs to the node; use its methods, such as plugin.* and job.*`,
      {
        key: cut(key),
      },
    ),
  conflict: (key: string, actual: unknown) =>
    new AspenError(
      "KV_CONFLICT",
      `${quoted(key)} ${actual === null ? "is absent" : "has another value than expected"}; read it and try again`,
      { key: cut(key), actual },
    ),
  bodyTooLarge: (limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `the body is over ${limit} bytes; send less at once`, { limit }),
  blobTooLarge: (bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the blob has ${bytes} bytes; at most ${LIMITS.messageBytes} can be put or got by one call`,
      { bytes, limit: LIMITS.messageBytes },
    ),
  badRequest: (problem: string) => new AspenError("INVALID_PARAMS", `the request cannot be read: ${problem}`),
  batchInvalid: () =>
    new AspenError(
      "INVALID_PARAMS",
      `the body is no batch; send a list of 1 to ${LIMITS.batchCalls} calls, {"method": …, "params": …, "id": …}`,
      { field: "(body)", limit: LIMITS.batchCalls },
    ),
  batchTooLarge: (calls: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the batch has ${calls} calls, over ${LIMITS.batchCalls}; send several batches`,
      { calls, limit: LIMITS.batchCalls },
    ),
  batchFull: (method: string) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `${quoted(method)} was not called: the answers to the calls before it in the batch are over ${LIMITS.messageBytes} bytes; call it in another batch`,
      { method: cut(method), limit: LIMITS.messageBytes },
    ),
  callInvalid: (isBatch: boolean) =>
    new AspenError(
      "INVALID_PARAMS",
      isBatch
        ? "a batch cannot hold another batch; send its calls one by one"
        : `this is no call; send {"method": …, "params": …, "id": …}, of which id, a string or a number, and params may be left out`,
    ),
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
  expectationFailed: (expect: string) =>
    new AspenError(
      "EXPECTATION_FAILED",
      `the request expects ${JSON.stringify(expect.slice(0, 128))}; the node knows 100-continue only, send the request without it`,
      { expect: expect.slice(0, 128) },
    ),
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

function textOf(error: unknown): string {
  return thrownError(error).message;
}
