import type { Settled } from "./settle-run.js";

/** What a pool has done with jobs of one type since it was made. */
export interface TypeCounts {
  completed: number;
  /** For good. */
  failed: number;
  retried: number;
  cancelled: number;
  /** Runs of which the lease was lost. */
  lost: number;
  released: number;
  /** Of all runs together. */
  milliseconds: number;
}

export class PoolCounts {
  readonly #types = new Map<string, TypeCounts>();
  /** Jobs of others, and of a past of this one, that this pool found stalled. */
  stalled = 0;

  add(type: string, settled: Settled, milliseconds: number): void {
    const counts = this.of(type);
    counts.milliseconds += milliseconds;
    switch (settled) {
      case "retrying":
        counts.retried += 1;
        break;
      case "failed":
      case "dead_letter":
        counts.failed += 1;
        break;
      case "completed":
      case "cancelled":
      case "lost":
      case "released":
        counts[settled] += 1;
        break;
    }
  }

  of(type: string): TypeCounts {
    let counts = this.#types.get(type);
    if (!counts) {
      counts = { completed: 0, failed: 0, retried: 0, cancelled: 0, lost: 0, released: 0, milliseconds: 0 };
      this.#types.set(type, counts);
    }
    return counts;
  }

  get all(): ReadonlyMap<string, TypeCounts> {
    return this.#types;
  }
}
