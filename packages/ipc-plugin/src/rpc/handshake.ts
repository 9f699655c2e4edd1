/**
 * go-plugin's handshake: what the host says in the environment, and the line in which the plugin answers.
 * https://github.com/hashicorp/go-plugin/blob/main/docs/guide-plugin-write-non-go.md
 */

export const COOKIE = { name: "ASPEN_PLUGIN", value: "aspen.plugin.v1" } as const;
/** go-plugin's own version, the first field of the line. */
const CORE_VERSION = "1";
/** Versions of `aspen.plugin` that this package speaks. */
export const PROTOCOL_VERSION = "1";
/** Characters of the line; a certificate of the longest key has about 1,500. */
export const LINE_MAX = 16_384;

export interface Handshake {
  /** Of the unix socket on which the plugin listens. */
  readonly path: string;
  /** The plugin's certificate, DER. */
  readonly certificate: Uint8Array;
}

/** What is wrong with the line, for people; or what it says. */
export function readHandshake(line: string): Handshake | { problem: string } {
  const [core, version, network, path, protocol, certificate] = line.trim().split("|");
  if (version === undefined || path === undefined) {
    return { problem: `its first line is ${JSON.stringify(line.slice(0, 200))}, which is no handshake of go-plugin` };
  }
  if (core !== CORE_VERSION) {
    return {
      problem: `it speaks version ${core?.slice(0, 20)} of go-plugin's handshake; this node speaks ${CORE_VERSION}`,
    };
  }
  if (version !== PROTOCOL_VERSION) {
    return {
      problem: `it speaks version ${version.slice(0, 20)} of the plugin protocol; this node speaks version ${PROTOCOL_VERSION}`,
    };
  }
  if (network !== "unix") return { problem: `it listens on ${network?.slice(0, 20)}; it must listen on a unix socket` };
  if (protocol !== "grpc") return { problem: `it speaks ${protocol?.slice(0, 20) || "net/rpc"}; it must speak grpc` };
  if (!certificate) return { problem: "it has no certificate; it must answer with one, as PLUGIN_CLIENT_CERT asks" };
  return { path, certificate: Buffer.from(certificate, "base64") };
}

/** The line of a plugin that listens on `path`. */
export function handshakeLine({ path, certificate }: Handshake): string {
  const text = Buffer.from(certificate).toString("base64").replaceAll("=", "");
  return [CORE_VERSION, PROTOCOL_VERSION, "unix", path, "grpc", text].join("|");
}
