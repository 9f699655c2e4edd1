import { MIDDLEWARE_ORDER, POINTS } from "@aspen/feature";
import { ContainerModule } from "inversify";
import { CallerRate } from "../auth/caller-rate.js";
import type { RateLimitSettings } from "../config/auth-config.js";

/** Refuses callers that ask too often, before anything else is done for them. */
export function rateLimitModule(settings: RateLimitSettings): ContainerModule {
  return new ContainerModule(({ bind }) => {
    const rate = new CallerRate(settings);
    bind(POINTS.middleware).toConstantValue({
      name: "rate-limit",
      order: MIDDLEWARE_ORDER.rateLimit,
      handle: rate.middleware,
    });
    bind(POINTS.meter).toConstantValue({
      name: "aspen_node_rate_limited_total",
      help: "Calls that were refused because their caller asked too often.",
      kind: "counter",
      collect: () => [{ value: rate.refused }],
    });
  });
}
