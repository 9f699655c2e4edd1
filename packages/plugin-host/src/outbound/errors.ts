import { AspenError, cut, quoted } from "@aspen/plugin-api/abi";

/** Characters of a URL in a message; its query and fragment may hold secrets and are left out. */
const URL_MAX = 256;

/** A URL for a message, without what may be a secret. */
function shown(url: URL): string {
  return quoted(cut(`${url.protocol}//${url.host}${url.pathname}`, URL_MAX));
}

/** The errors of requests to URLs that nobody vouches for. */
export const outboundErrors = {
  urlInvalid: (problem: string, cause?: unknown) =>
    new AspenError("OUTBOUND_URL_INVALID", `the URL of an outbound request ${problem}`, { field: "url" }, cause),
  portDenied: (url: URL, port: number) =>
    new AspenError(
      "OUTBOUND_PORT_DENIED",
      `${shown(url)} cannot be asked: port ${port} is not allowed; use one that is, or have it allowed`,
      { host: url.hostname, port },
    ),
  addressDenied: (host: string, address: string, kind: string) =>
    new AspenError(
      "OUTBOUND_ADDRESS_DENIED",
      `${quoted(host)} cannot be asked: its address ${address} is ${kind} and may not be reached unless that address is allowed`,
      { host: cut(host), address, kind },
    ),
  unresolved: (host: string, cause?: unknown) =>
    new AspenError("OUTBOUND_UNRESOLVED", `the name ${quoted(host)} has no address`, { host: cut(host) }, cause),
  unreachable: (url: URL, cause: unknown) =>
    new AspenError(
      "OUTBOUND_UNREACHABLE",
      `${shown(url)} did not answer: ${cut(messageOf(cause), 256)}`,
      { host: cut(url.hostname) },
      cause,
    ),
  certificate: (url: URL, cause: unknown) =>
    new AspenError(
      "OUTBOUND_CERTIFICATE",
      `${shown(url)} was not asked: its certificate is not to be trusted: ${cut(messageOf(cause), 256)}`,
      { host: cut(url.hostname) },
      cause,
    ),
  redirected: (url: URL, problem: string) =>
    new AspenError("OUTBOUND_REDIRECT_DENIED", `${shown(url)} sends the request elsewhere: ${problem}`, {
      host: cut(url.hostname),
    }),
  timedOut: (url: URL, timeoutMs: number) =>
    new AspenError("OUTBOUND_TIMEOUT", `${shown(url)} was not done within ${timeoutMs} ms`, {
      host: cut(url.hostname),
      timeoutMs,
    }),
  requestTooLarge: (limit: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the body of an outbound request has more than ${limit} bytes, which are allowed`,
      { limit },
    ),
  responseTooLarge: (url: URL, limit: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the body of the answer of ${shown(url)} has more than ${limit} bytes, which are allowed`,
      { limit },
    ),
  headersTooLarge: (url: URL, cause: unknown) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the headers of the answer of ${shown(url)} have more bytes than are allowed`,
      undefined,
      cause,
    ),
  invalid: (name: string, problem: string, cause?: unknown) =>
    new AspenError(
      "INVALID_PARAMS",
      `${cut(name)} of an outbound request ${cut(problem, 256)}`,
      { parameter: cut(name) },
      cause,
    ),
  bodyUsed: () => new AspenError("INVALID_PARAMS", "the body of an answer can be read once", { parameter: "body" }),
  cancelled: (url: URL) => new AspenError("CANCELLED", `the request to ${shown(url)} was cancelled`),
  closed: () => new AspenError("OUTBOUND_UNREACHABLE", "the outbound client is closed"),
  options: (problem: string) => new AspenError("CONFIG_INVALID", `the options of an outbound client: ${problem}`),
} as const;

function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return messageOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : String(cause);
}
