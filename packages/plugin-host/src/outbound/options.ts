import { outboundErrors } from "./errors.js";
import { type Resolve, resolveByDns } from "./resolve.js";

/** What an outbound client may do, and how much of it. */
export interface OutboundOptions {
  /**
   * Addresses outside of the public internet that may be reached, as an address or as a network such as `10.1.0.0/16` or
   * `fd00:1::/32`, on any port that is allowed or on these; also under a name that resolves to them. An IPv4 address is
   * not reached in an IPv6 form.
   * @default none
   */
  addresses?: readonly (string | GrantedAddress)[] | undefined;
  /** Ports that may be reached; `any`: each of them. @default 80 and 443 */
  ports?: readonly number[] | "any" | undefined;
  /** Schemes of URLs that are asked. @default both */
  protocols?: readonly ("http:" | "https:")[] | undefined;
  /** Finds the addresses of a name. It is asked once for each connection. @default DNS, without the hosts file */
  resolve?: Resolve | undefined;
  /** Certificates, as PEM, that are trusted beside those of Node. @default none */
  certificates?: readonly string[] | undefined;
  /** Milliseconds until a connection is open, its name resolved and its certificate verified. @default 10,000 */
  connectTimeoutMs?: number | undefined;
  /** Milliseconds of a request with all its redirects, until the last byte of its answer was read. @default 30,000 */
  timeoutMs?: number | undefined;
  /** Bytes of a request's body. @default 16 MiB */
  requestBytes?: number | undefined;
  /** Bytes of an answer's body. @default 16 MiB */
  responseBytes?: number | undefined;
  /** Bytes of an answer's headers. @default 16 KiB */
  headerBytes?: number | undefined;
  /** Redirects that are followed, each of which passes the same checks. @default 0: an answer that redirects is refused */
  redirects?: number | undefined;
  /** Connections to one origin at a time; further requests to it wait. @default 64 */
  connections?: number | undefined;
}

/** Addresses of which only these ports may be reached. */
export interface GrantedAddress {
  /** An address or a network. */
  readonly network: string;
  readonly ports: readonly number[];
}

export interface OutboundSettings {
  readonly addresses: readonly (string | GrantedAddress)[];
  readonly ports: ReadonlySet<number> | "any";
  readonly protocols: ReadonlySet<string>;
  readonly resolve: Resolve;
  readonly certificates: readonly string[];
  readonly connectTimeoutMs: number;
  readonly timeoutMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly headerBytes: number;
  readonly redirects: number;
  readonly connections: number;
}

const DEFAULT_BYTES = 16 * 1024 * 1024;

/** @throws AspenError `CONFIG_INVALID` */
export function normaliseOptions(options: OutboundOptions): OutboundSettings {
  const { ports = [80, 443] } = options;
  return {
    addresses: [...(options.addresses ?? [])],
    ports: ports === "any" ? ports : new Set(ports.map((port) => whole("ports", port, 1, 65_535))),
    protocols: new Set(options.protocols ?? ["http:", "https:"]),
    resolve: options.resolve ?? resolveByDns,
    certificates: [...(options.certificates ?? [])],
    connectTimeoutMs: whole("connectTimeoutMs", options.connectTimeoutMs ?? 10_000, 1),
    timeoutMs: whole("timeoutMs", options.timeoutMs ?? 30_000, 1),
    requestBytes: whole("requestBytes", options.requestBytes ?? DEFAULT_BYTES, 0),
    responseBytes: whole("responseBytes", options.responseBytes ?? DEFAULT_BYTES, 0),
    headerBytes: whole("headerBytes", options.headerBytes ?? 16 * 1024, 1024),
    redirects: whole("redirects", options.redirects ?? 0, 0, 20),
    connections: whole("connections", options.connections ?? 64, 1),
  };
}

/** The longest time that a timer of Node can be set to. */
const MOST = 2 ** 31 - 1;

function whole(name: string, value: number, least: number, most = MOST): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw outboundErrors.options(`${name} must be a whole number from ${least} to ${most}`);
}
