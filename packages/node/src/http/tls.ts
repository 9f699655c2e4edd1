import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server, type ServerOptions } from "node:https";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { type Logger, thrownError } from "@aspen/plugin-api";
import { nodeErrors } from "../errors.js";

/** Milliseconds between two looks whether a file has changed. */
const LOOK_MS = 2000;
/** Longest time for a handshake, in milliseconds. */
const HANDSHAKE_MS = 20_000;

/** `listen.tls` of a node's configuration. */
export interface TlsFiles {
  /** PEM file of the certificate, with those between it and its authority behind it. */
  cert: string;
  /** PEM file of its private key, without a password. */
  key: string;
  /** PEM file of the authorities whose certificates clients must have. */
  ca?: string | undefined;
  /** Whether a client must have a certificate of `ca`. @default "require" with `ca`, else "none" */
  clientAuth?: "none" | "require" | undefined;
}

/** Certificate and key of a front, as their files have them now: servers that are open follow each change. */
export class TlsIdentity implements Disposable {
  readonly #servers = new Set<Server>();
  #loading: Promise<void> = Promise.resolve();
  readonly #onChange = () => {
    this.#loading = this.#loading.then(() => this.#reload());
  };

  private constructor(
    private readonly files: TlsFiles,
    private readonly log: Logger,
    private context: SecureContextOptions,
    lookMs: number,
  ) {
    // By looks: certificates are replaced by links and renames, of which a watch of the system's may hear nothing.
    for (const file of pathsOf(files)) watchFile(file, { interval: lookMs, persistent: false }, this.#onChange);
  }

  /** @throws AspenError `CONFIG_INVALID` naming the field when a file cannot be read, or they do not fit together */
  static async open(files: TlsFiles, log: Logger, lookMs = LOOK_MS): Promise<TlsIdentity> {
    return new TlsIdentity(files, log, await read(files), lookMs);
  }

  createServer(options: ServerOptions): Server {
    const { ca, clientAuth = ca === undefined ? "none" : "require" } = this.files;
    const required = clientAuth === "require";
    const server = createServer({
      ...options,
      ...this.context,
      requestCert: required,
      rejectUnauthorized: required,
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.#servers.add(server);
    server.once("close", () => this.#servers.delete(server));
    return server;
  }

  async #reload(): Promise<void> {
    try {
      this.context = await read(this.files);
      for (const server of this.#servers) server.setSecureContext(this.context);
      this.log.info({ cert: this.files.cert }, "the certificate was read anew");
    } catch (error) {
      // Of two files, one is written before the other.
      this.log.warn({ err: thrownError(error) }, "a changed certificate cannot be used; the one before stays");
    }
  }

  [Symbol.dispose](): void {
    for (const file of pathsOf(this.files)) unwatchFile(file, this.#onChange);
  }
}

function pathsOf({ cert, key, ca }: TlsFiles): string[] {
  return ca === undefined ? [cert, key] : [cert, key, ca];
}

async function read({ cert, key, ca }: TlsFiles): Promise<SecureContextOptions> {
  const context: SecureContextOptions = {
    cert: await readPem("cert", cert),
    key: await readPem("key", key),
    ...(ca === undefined ? {} : { ca: await readPem("ca", ca) }),
    minVersion: "TLSv1.2",
  };
  try {
    createSecureContext(context);
  } catch (error) {
    throw nodeErrors.tlsInvalid("listen.tls", error);
  }
  return context;
}

async function readPem(field: "cert" | "key" | "ca", file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw nodeErrors.tlsInvalid(`listen.tls.${field}`, error);
  }
}
