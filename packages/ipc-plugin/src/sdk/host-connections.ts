import { X509Certificate } from "node:crypto";
import { Connection } from "../rpc/connection.js";
import type { ConnInfo } from "../rpc/messages.js";
import type { Identity } from "../tls/certificate.js";

/** The plugin's end of go-plugin's broker: where the services of the host listen. */
export class HostConnections {
  readonly #addresses = new Map<number, (path: string) => void>();
  readonly #known = new Map<number, string>();

  constructor(
    private readonly own: Identity,
    private readonly hostPem: string,
  ) {}

  announced({ service_id: id, address }: ConnInfo): void {
    this.#known.set(id, address);
    this.#addresses.get(id)?.(address);
  }

  /** Resolves when the host has said where its service of this number listens. */
  async open(id: number): Promise<Connection> {
    const path = this.#known.get(id) ?? (await new Promise<string>((resolve) => this.#addresses.set(id, resolve)));
    return new Connection(path, this.own, new X509Certificate(this.hostPem).raw);
  }
}
