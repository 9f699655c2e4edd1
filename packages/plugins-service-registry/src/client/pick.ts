import { createHash } from "node:crypto";
import type { Instance } from "../records/instance.js";

/** Chooses one of the instances that are healthy. */
export interface Policy {
  /**
   * @param instances at least one
   * @param key what the call is about, for policies that keep calls of one key together
   */
  pick(instances: readonly Instance[], key: string): Instance;
}

/** One after the other. */
export function roundRobin(): Policy {
  let turn = 0;
  return { pick: (instances) => instances[turn++ % instances.length]! };
}

/** As often as their weights say, and as evenly spread as that allows (the smooth form, as nginx has it). */
export function weighted(): Policy {
  const current = new Map<string, number>();
  return {
    pick(instances) {
      const total = instances.reduce((sum, { weight }) => sum + weight, 0);
      // Nobody is to be called: then everybody is as good.
      const weightOf = ({ weight }: Instance) => (total === 0 ? 1 : weight);
      const sum = total === 0 ? instances.length : total;
      let best = instances[0]!;
      let most = Number.NEGATIVE_INFINITY;
      for (const instance of instances) {
        const next = (current.get(instance.id) ?? 0) + weightOf(instance);
        current.set(instance.id, next);
        if (next > most && weightOf(instance) > 0) [best, most] = [instance, next];
      }
      current.set(best.id, current.get(best.id)! - sum);
      if (current.size > 2 * instances.length) forget(current, instances);
      return best;
    },
  };
}

function forget(current: Map<string, unknown>, instances: readonly Instance[]): void {
  const ids = new Set(instances.map(({ id }) => id));
  for (const id of current.keys()) if (!ids.has(id)) current.delete(id);
}

/** The one with the fewest calls under way, as `loadOf` counts them, for its weight. */
export function leastLoaded(loadOf: (instance: Instance) => number): Policy {
  let turn = 0;
  return {
    pick(instances) {
      const start = turn++;
      let best: Instance | undefined;
      let least = Number.POSITIVE_INFINITY;
      for (let at = 0; at < instances.length; at++) {
        const instance = instances[(start + at) % instances.length]!;
        const load = (loadOf(instance) + 1) / Math.max(instance.weight, 0.001);
        if (load < least) [best, least] = [instance, load];
      }
      return best!;
    },
  };
}

/** Places of an instance of weight 1 on the ring; an instance has at most forty times as many. */
const PLACES = 100;

/**
 * The same for the same key, as long as it is there: a hash ring (Karger et al., 1997). When an instance comes or goes, only
 * the keys move that it takes or had.
 */
export function consistentHash(): Policy {
  let known = "";
  let ring: { place: number; index: number }[] = [];
  return {
    pick(instances, key) {
      const now = instances.map(({ id, weight }) => `${id} ${weight}`).join("\n");
      if (now !== known) {
        ring = ringOf(instances);
        known = now;
      }
      const place = hash(key);
      let [low, high] = [0, ring.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (ring[middle]!.place < place) low = middle + 1;
        else high = middle;
      }
      return instances[ring[low % ring.length]!.index]!;
    },
  };
}

function ringOf(instances: readonly Instance[]): { place: number; index: number }[] {
  const ring = instances.flatMap(({ id, weight }, index) =>
    Array.from({ length: PLACES * Math.min(Math.max(weight, 1), 40) }, (_, at) => ({
      place: hash(`${id}#${at}`),
      index,
    })),
  );
  return ring.sort((a, b) => a.place - b.place || a.index - b.index);
}

function hash(text: string): number {
  return createHash("md5").update(text).digest().readUInt32BE(0);
}

/** Those of one's own zone, when it has any; among them, as `policy` chooses. */
export function zoneAware(zone: string, policy: Policy): Policy {
  return {
    pick(instances, key) {
      const near = instances.filter((instance) => instance.zone === zone);
      return policy.pick(near.length > 0 ? near : instances, key);
    },
  };
}
