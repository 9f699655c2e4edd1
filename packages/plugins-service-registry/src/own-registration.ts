import type { Service } from "@aspen/feature";
import { every, isAspenError, type Logger, type Loop, thrownError } from "@aspen/plugin-api";
import type { RpcClient } from "@aspen/rpc-core";

/** The service that the nodes are instances of. */
export const NODE_SERVICE = "aspen-node";

const TTL_MS = 30_000;
const BEAT_MS = 10_000;

export interface OwnRegistrationParts {
  id: string;
  url: string;
  client: RpcClient;
  logger: Logger;
  /** False where no plugin runs, and so nothing can be registered. */
  enabled: boolean;
}

/** Registers the node itself while it answers requests. */
export class OwnRegistration implements Service {
  readonly name = "service-registration";
  readonly announces = true;
  readonly #parts: OwnRegistrationParts;
  #token: number | undefined;
  #loop: Loop | undefined;
  #warned = false;

  constructor(parts: OwnRegistrationParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    if (!this.#parts.enabled) return;
    this.#loop = every(BEAT_MS, (signal) => this.#beat(signal), {
      onError: (error) => {
        // The node stops, and was about to say that it is there.
        if (isAspenError(error) && error.code === "CANCELLED") return;
        if (!this.#warned)
          this.#parts.logger.warn({ err: thrownError(error) }, "the node is not registered as a service");
        this.#warned = true;
      },
    });
    // The plugin may still be starting; nobody waits for this.
    this.#loop.soon(1);
  }

  async drain(signal: AbortSignal): Promise<void> {
    await this.#loop?.[Symbol.asyncDispose]();
    const token = this.#token;
    this.#token = undefined;
    if (token === undefined) return;
    try {
      await this.#parts.client.call("service.deregister", { ...this.#own, fencingToken: token }, { signal });
    } catch (error) {
      // It expires by itself.
      this.#parts.logger.debug({ err: thrownError(error) }, "the node's registration was left to expire");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop?.[Symbol.asyncDispose]();
  }

  get #own() {
    return { service: NODE_SERVICE, id: this.#parts.id };
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { client, url } = this.#parts;
    if (this.#token !== undefined) {
      try {
        await client.call("service.heartbeat", { ...this.#own, fencingToken: this.#token }, { signal });
        this.#warned = false;
        return;
      } catch (error) {
        if (!isAspenError(error) || error.code !== "SERVICE_NOT_FOUND") throw error;
      }
    }
    const { hostname, port, protocol } = new URL(url);
    const wanted = {
      ...{ ...this.#own, address: hostname.replace(/^\[|\]$/g, ""), ttlMs: TTL_MS },
      port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
      tags: [protocol.slice(0, -1)],
    };
    const { instance } = await client.call("service.register", wanted, { signal });
    this.#token = instance.fencingToken;
    this.#warned = false;
  }
}
