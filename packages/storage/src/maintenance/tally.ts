import type { KeyValueStats, NamespaceStats } from "./contract.js";

const LARGEST = 10;

/** Adds up namespaces and keeps the largest of them. */
export class Tally {
  readonly #largest: NamespaceStats[] = [];
  readonly #sum = { keys: 0, keyBytes: 0, valueBytes: 0, namespaces: 0 };

  constructor(private readonly most: number = LARGEST) {}

  /** A whole namespace; one without keys does not count. */
  add(stats: NamespaceStats): void {
    if (stats.keys === 0) return;
    this.#sum.namespaces += 1;
    this.#sum.keys += stats.keys;
    this.#sum.keyBytes += stats.keyBytes;
    this.#sum.valueBytes += stats.valueBytes;
    const at = this.#largest.findIndex((other) => bytesOf(other) < bytesOf(stats));
    this.#largest.splice(at < 0 ? this.#largest.length : at, 0, stats);
    if (this.#largest.length > this.most) this.#largest.pop();
  }

  result(): Pick<KeyValueStats, "keys" | "keyBytes" | "valueBytes" | "namespaces" | "largest"> {
    return { ...this.#sum, largest: this.#largest };
  }
}

function bytesOf({ keyBytes, valueBytes }: NamespaceStats): number {
  return keyBytes + valueBytes;
}
