import type { Authenticator, HttpMount, Service } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import type { Dispatcher } from "@aspen/rpc-core";
import type { InFlight } from "../in-flight.js";
import type { HttpFront } from "./http-front.js";
import { Mounts } from "./mounts.js";

export interface FrontServiceParts {
  front: HttpFront;
  inFlight: InFlight;
  dispatcher: Dispatcher;
  mounts: readonly HttpMount[];
  authenticators: readonly Authenticator[];
  log: Logger;
  /** See `MountRequest`. */
  answerMs: number;
}

/** Answers requests from its start until it is drained. */
export class FrontService implements Service {
  readonly name = "http";

  readonly #mounts: Mounts;

  /** @throws AspenError `CONFIG_INVALID` when two mounts share a path */
  constructor(private readonly parts: FrontServiceParts) {
    this.#mounts = new Mounts(parts.mounts, parts.log, parts.answerMs);
  }

  async start(): Promise<void> {
    const { front, dispatcher, authenticators } = this.parts;
    front.callers.use(authenticators);
    front.serve(dispatcher, this.#mounts);
  }

  /** Lets requests end until the signal aborts, then closes the front. */
  async drain(signal: AbortSignal): Promise<void> {
    const { front, inFlight, log } = this.parts;
    const requests = await front.drain(inFlight.underWay(), signal);
    const ended = await inFlight.drain(signal);
    if (!ended || requests > 0) log.warn({ calls: inFlight.count, requests }, "stopping with calls under way");
    await front[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts.front[Symbol.asyncDispose]();
  }
}
