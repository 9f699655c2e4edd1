import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authenticator, HttpMount, MountContext } from "@aspen/feature";
import type { ConsulParts } from "./consul-parts.js";

/** A value of Consul's store in its longest form, and some more. */
const MOST_BYTES = 1024 * 1024;

/** Consul's HTTP API below `/v1`, which is loaded when somebody asks for it. */
export class LazyConsulMount implements HttpMount {
  readonly prefix = "/v1";
  /** Tokens come in a header of Consul's own, which the front does not know. */
  readonly access = "public";
  readonly maxBodyBytes = MOST_BYTES;
  readonly #parts: ConsulParts;
  readonly #authenticators: readonly Authenticator[];
  #mount: Promise<{ handle: HttpMount["handle"] }> | undefined;

  constructor(parts: ConsulParts, authenticators: readonly Authenticator[]) {
    this.#parts = parts;
    this.#authenticators = authenticators;
  }

  async handle(request: IncomingMessage, response: ServerResponse, context: MountContext): Promise<void> {
    this.#mount ??= this.#load();
    await (await this.#mount).handle(request, response, context);
  }

  async #load(): Promise<{ handle: HttpMount["handle"] }> {
    const { ConsulApi } = await import("./consul-api.js");
    return new ConsulApi(this.#parts, this.#authenticators);
  }
}
