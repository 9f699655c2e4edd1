import { isIPv6 } from "node:net";
import type { Meter } from "@aspen/feature";
import type { AuthSettings } from "../config/auth-config.js";
import { nodeErrors } from "../errors.js";
import { isLoopback } from "../http/loopback.js";

/** Addresses that are remembered; of more, the one whose count began first is forgotten. */
const ADDRESSES_MAX = 10_000;

interface Count {
  failures: number;
  /** On the clock of `performance.now()`. */
  endsAt: number;
}

/**
 * Counts credentials that did not count, by the address that sent them, and refuses to look at further ones where there were
 * too many. Addresses of this machine are not counted unless it is told to: a proxy on it stands for everybody.
 */
export class FailedAttempts {
  /** In the order in which their counts began. */
  readonly #counts = new Map<string, Count>();
  #failed = 0;
  #throttled = 0;

  constructor(private readonly settings: AuthSettings["failures"]) {}

  /** True for an address whose credentials are not looked at for a while. */
  isThrottled(address: string): boolean {
    return this.#isFull(this.#countOf(address));
  }

  /** The error for it, which is counted. */
  refusal(address: string): Error {
    this.#throttled += 1;
    const { endsAt = 0 } = this.#countOf(address) ?? {};
    return nodeErrors.authenticationThrottled(Math.max(1, Math.ceil(endsAt - performance.now())));
  }

  note(address: string): void {
    this.#failed += 1;
    const place = this.#placeOf(address);
    if (place === null) return;
    const known = this.#countOf(address);
    if (known) {
      known.failures += 1;
      return;
    }
    this.#counts.delete(place);
    if (this.#counts.size >= ADDRESSES_MAX) this.#counts.delete(this.#counts.keys().next().value!);
    this.#counts.set(place, { failures: 1, endsAt: performance.now() + this.settings.perMs });
  }

  get meters(): readonly Meter[] {
    const counter = (name: string, help: string, value: () => number): Meter => ({
      ...{ name, help, kind: "counter" },
      collect: () => [{ value: value() }],
    });
    return [
      counter(
        "aspen_node_authentication_failures_total",
        "Requests whose credentials did not count.",
        () => this.#failed,
      ),
      counter(
        "aspen_node_authentication_throttled_total",
        "Requests whose credentials were not looked at, as their address had sent too many that did not count.",
        () => this.#throttled,
      ),
    ];
  }

  #isFull(count: Count | undefined): boolean {
    return count !== undefined && count.failures >= this.settings.attempts;
  }

  #countOf(address: string): Count | undefined {
    const place = this.#placeOf(address);
    const count = place === null ? undefined : this.#counts.get(place);
    return count && count.endsAt > performance.now() ? count : undefined;
  }

  /** What is counted together; null for what is not counted. A network of IPv6 (/64) is one: each has more addresses than can be counted. */
  #placeOf(address: string): string | null {
    const bare = address.replace(/^::ffff:(?=\d+\.)/i, "");
    if (bare === "" || (!this.settings.local && isLoopback(bare))) return null;
    if (!isIPv6(bare)) return bare;
    const [head = "", tail] = bare.split("%", 1)[0]!.split("::");
    const groups = head === "" ? [] : head.split(":");
    const rest = tail === undefined || tail === "" ? [] : tail.split(":");
    if (tail !== undefined)
      groups.push(...new Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill("0"), ...rest);
    return groups
      .slice(0, 4)
      .map((group) => Number.parseInt(group, 16).toString(16))
      .join(":");
  }
}
