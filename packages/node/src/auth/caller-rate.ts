import type { Caller, Middleware } from "@aspen/rpc-core";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import type { RateLimitSettings } from "../config/auth-config.js";
import { nodeErrors } from "../errors.js";

/** Counts the calls of each caller on this node. */
export class CallerRate {
  #refused = 0;
  readonly #limiter: RateLimiterMemory;
  readonly #local: boolean;

  constructor({ requests, perMs, local }: RateLimitSettings) {
    this.#limiter = new RateLimiterMemory({ points: requests, duration: perMs / 1000 });
    this.#local = local;
  }

  /** Calls refused since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** Its error: `RATE_LIMITED`, whose details say when to ask again. */
  readonly middleware: Middleware = async (request, context, next) => {
    if (this.#local || counts(context.caller)) await this.#count(context.caller);
    return next(request, context);
  };

  async #count({ kind, id }: Caller): Promise<void> {
    try {
      await this.#limiter.consume(`${kind}:${id}`);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      this.#refused += 1;
      throw nodeErrors.rateLimited(Math.max(1, refusal.msBeforeNext));
    }
  }
}

/** Whoever is on this machine, and the node itself, can do it other harm. */
function counts({ kind }: Caller): boolean {
  return kind !== "local" && kind !== "node";
}
