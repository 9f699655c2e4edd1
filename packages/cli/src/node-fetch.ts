import { readFile } from "node:fs/promises";
import type { Agent } from "undici";
import { cliErrors } from "./errors.js";
import type { NodeAddress } from "./node-address.js";

/** PEM files by which a command and a node know each other over TLS. */
export interface TlsFiles {
  /** Of the authorities whose certificates a node may have. @default those that Node.js trusts */
  ca?: string | undefined;
  /** The command's own certificate, and its key, for a node that asks for one. */
  clientCert?: string | undefined;
  clientKey?: string | undefined;
}

/**
 * The `fetch` that reaches a node. The package that knows sockets and certificates is loaded with the first request, and
 * only where it is needed. Its promise rejects with `INVALID_PARAMS` when a file cannot be read.
 */
export function nodeFetch({ socketPath }: NodeAddress, files: TlsFiles): typeof fetch {
  const { ca, clientCert, clientKey } = files;
  if (socketPath === undefined && ca === undefined && clientCert === undefined && clientKey === undefined) return fetch;
  let agent: Promise<Agent> | null = null;
  const send = async (input: string | URL, init: object) => {
    const { fetch: undiciFetch } = await import("undici");
    agent ??= openAgent(socketPath, files);
    return undiciFetch(input, { ...init, dispatcher: await agent });
  };
  // The same interface, by the types of the package of its own.
  return send as unknown as typeof fetch;
}

async function openAgent(socketPath: string | undefined, { ca, clientCert, clientKey }: TlsFiles): Promise<Agent> {
  const { Agent } = await import("undici");
  return new Agent({
    connect: {
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(ca === undefined ? {} : { ca: await pem(ca) }),
      ...(clientCert === undefined ? {} : { cert: await pem(clientCert) }),
      ...(clientKey === undefined ? {} : { key: await pem(clientKey) }),
    },
  });
}

async function pem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw cliErrors.file(path, error);
  }
}
