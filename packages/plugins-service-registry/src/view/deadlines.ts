import type { Held } from "./viewed-service.js";

const SLOT_MS = 200;

/** Finds what may have expired without looking at everything: each entry waits in the slot of a time. */
export class Deadlines {
  readonly #slots = new Map<number, Set<Held<unknown>>>();
  #from = slotOf(performance.now());

  add(held: Held<unknown>): void {
    const slot = Math.max(this.#from, slotOf(held.deadline));
    const set = this.#slots.get(slot);
    if (set) set.add(held);
    else this.#slots.set(slot, new Set([held]));
  }

  /** Takes out the entries whose time is over by now; those that have had a sign of life since wait on. */
  due(now = performance.now()): Held<unknown>[] {
    const due: Held<unknown>[] = [];
    const last = slotOf(now);
    for (; this.#from < last; this.#from++) {
      const set = this.#slots.get(this.#from);
      this.#slots.delete(this.#from);
      for (const held of set ?? []) {
        if (held.deadline <= now) due.push(held);
        else this.#later(held, last);
      }
    }
    return due;
  }

  #later(held: Held<unknown>, least: number): void {
    const slot = Math.max(least, slotOf(held.deadline));
    const set = this.#slots.get(slot);
    if (set) set.add(held);
    else this.#slots.set(slot, new Set([held]));
  }
}

function slotOf(time: number): number {
  return Math.ceil(time / SLOT_MS);
}
