import { randomInt } from "node:crypto";
import type { Member, Membership } from "@aspen/layers";
import { handlePatternMatches } from "@aspen/plugin-api";

/** Methods whose nodes are remembered. */
const FOUND_MAX = 1000;

/** A node that a request can be sent to. */
export interface Target {
  id: string;
  address: string;
  /** It says of the method that it only reads. */
  safe: boolean;
}

interface Candidate extends Target {
  healthy: boolean;
  load: number;
}

/** Other nodes that serve a method, and those of them that a request may be sent to. */
interface Serving {
  members: readonly Member[];
  targets: readonly Candidate[];
}

/** The other nodes, as this one sees them. */
export class ClusterView {
  #membership: Membership | null = null;
  /** Until the members change: with a thousand of them it takes long to find out. */
  #found: { members: readonly Member[]; byMethod: Map<string, Serving> } = { members: [], byMethod: new Map() };
  /** Requests that this node has sent to others and that have no answer, by id. */
  readonly #sent = new Map<string, number>();

  constructor(
    private readonly own: string,
    private readonly mayReach: (address: string) => boolean,
  ) {}

  follow(membership: Membership | null): void {
    this.#membership = membership;
  }

  members(): readonly Member[] {
    return this.#membership?.members() ?? [];
  }

  /** Other nodes that serve a method. */
  serving(method: string): readonly Member[] {
    return this.#serving(method).members;
  }

  /** Of two that are picked at random, the one with less to do; null when none is left. */
  choose(method: string, except: ReadonlySet<string>): Target | null {
    const open = this.#serving(method).targets.filter(({ id }) => !except.has(id));
    // Those whose signs of life are overdue only when there is no other.
    const healthy = open.filter((target) => target.healthy);
    const [one, two] = pair(healthy.length > 0 ? healthy : open);
    if (!one) return null;
    return two && this.#loadOf(two) < this.#loadOf(one) ? two : one;
  }

  #serving(method: string): Serving {
    const members = this.members();
    if (members !== this.#found.members) this.#found = { members, byMethod: new Map() };
    const { byMethod } = this.#found;
    let serving = byMethod.get(method);
    if (!serving) {
      const others = members.filter(({ id, methods }) => id !== this.own && covers(methods, method));
      serving = { members: others, targets: others.flatMap((member) => this.#targetOf(member, method)) };
      // Whoever sends requests makes up their methods.
      if (byMethod.size < FOUND_MAX) byMethod.set(method, serving);
    }
    return serving;
  }

  #targetOf({ id, address, state, healthy, load, safeMethods }: Member, method: string): Candidate[] {
    if (state !== "serving" || address === null || !this.mayReach(address)) return [];
    return [{ id, address, safe: covers(safeMethods, method), healthy, load }];
  }

  /** Counts a request that is sent to a node, until the answer is disposed. */
  sending(id: string): Disposable {
    this.#sent.set(id, (this.#sent.get(id) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = this.#sent.get(id)! - 1;
        if (left > 0) this.#sent.set(id, left);
        else this.#sent.delete(id);
      },
    };
  }

  #loadOf({ id, load }: Candidate): number {
    return load + (this.#sent.get(id) ?? 0);
  }
}

export function covers(patterns: readonly string[], method: string): boolean {
  return patterns.some((pattern) => handlePatternMatches(pattern, method));
}

/** Two of them at random. */
function pair<T>(all: readonly T[]): [T | undefined, T | undefined] {
  if (all.length < 2) return [all[0], undefined];
  const first = randomInt(all.length);
  const second = randomInt(all.length - 1);
  return [all[first], all[second < first ? second : second + 1]];
}
