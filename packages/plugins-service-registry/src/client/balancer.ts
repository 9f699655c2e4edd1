import { AspenError } from "@aspen/plugin-api/abi";
import type { Instance } from "../records/instance.js";
import { consistentHash, leastLoaded, type Policy, roundRobin, weighted, zoneAware } from "./pick.js";
import type { ServiceWatch } from "./service-watch.js";

export interface BalancerOptions {
  /** How an instance is chosen. @default "round-robin" */
  policy?: "round-robin" | "weighted" | "least-loaded" | "consistent-hash" | Policy;
  /** Instances of this zone come first, while it has healthy ones. @default none */
  zone?: string;
}

/** An instance to call. Dispose of it when the call is over: the policy `least-loaded` counts. */
export interface Picked extends Disposable {
  readonly instance: Instance;
  /** It may be out of date: see `ServiceWatch.stale`. */
  readonly stale: boolean;
}

/** Chooses among the healthy instances of a watched service. */
export class Balancer {
  readonly #watch: ServiceWatch;
  readonly #policy: Policy;
  readonly #underWay = new Map<string, number>();

  constructor(watch: ServiceWatch, { policy = "round-robin", zone }: BalancerOptions = {}) {
    this.#watch = watch;
    const chosen = typeof policy === "string" ? this.#named(policy) : policy;
    this.#policy = zone === undefined ? chosen : zoneAware(zone, chosen);
  }

  /** @throws AspenError `SERVICE_NOT_FOUND` when no instance is healthy */
  pick(key = ""): Picked {
    const healthy = this.#watch.instances.filter(({ status }) => status === "passing");
    if (healthy.length === 0) throw new AspenError("SERVICE_NOT_FOUND", "no instance is healthy; try again later");
    const instance = this.#policy.pick(healthy, key);
    const { id } = instance;
    this.#underWay.set(id, this.#loadOf(id) + 1);
    let over = false;
    return {
      instance,
      stale: this.#watch.stale,
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        const left = this.#loadOf(id) - 1;
        if (left > 0) this.#underWay.set(id, left);
        else this.#underWay.delete(id);
      },
    };
  }

  #named(policy: "round-robin" | "weighted" | "least-loaded" | "consistent-hash"): Policy {
    if (policy === "weighted") return weighted();
    if (policy === "consistent-hash") return consistentHash();
    return policy === "least-loaded" ? leastLoaded(({ id }) => this.#loadOf(id)) : roundRobin();
  }

  #loadOf(id: string): number {
    return this.#underWay.get(id) ?? 0;
  }
}
