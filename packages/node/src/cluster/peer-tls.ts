import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import type { TlsFiles } from "../http/tls.js";

/** What a node shows to others, and whom it trusts, for one connection. */
export interface PeerTls {
  cert: Buffer;
  key: Buffer;
  ca: (string | Buffer)[];
}

/**
 * How a node makes itself known to nodes whose front asks for a certificate: by the one of its own front, as all nodes of a
 * cluster are configured alike. The authorities of `listen.tls.ca` count for others' certificates, too, beside those that
 * Node.js trusts. Null for a front that asks for none. The files are read for each connection, so that a change counts.
 */
export function peerTls(files: TlsFiles | null): (() => Promise<PeerTls>) | null {
  if (files?.ca === undefined) return null;
  const { cert, key, ca } = files;
  return async () => {
    const [certificate, privateKey, authorities] = await Promise.all([cert, key, ca].map((path) => readFile(path)));
    return { cert: certificate!, key: privateKey!, ca: [...rootCertificates, authorities!] };
  };
}
