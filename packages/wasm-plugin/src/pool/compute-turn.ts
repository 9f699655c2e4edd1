import type { ComputeSlots } from "./compute-slots.js";

/** Whether one instance holds one of its plugin's slots, which it does while it computes. */
export class ComputeTurn {
  #held = false;

  constructor(
    private readonly slots: ComputeSlots,
    /** Most instances of the plugin: with no more than there are slots, none waits for one. */
    private readonly maxInstances: number,
  ) {}

  get held(): boolean {
    return this.#held;
  }

  /** Holds a slot from now on: the one that `slotTaken` says was taken for it, or one more. */
  take(slotTaken: boolean): void {
    if (this.#held && slotTaken) this.slots.release();
    else if (!this.#held && !slotTaken) this.slots.take();
    this.#held = true;
  }

  /** Gives the slot back, if it holds one. */
  rest(): void {
    if (!this.#held) return;
    this.#held = false;
    this.slots.release();
  }

  /** Lets another instance compute while this one waits; false when there is no other instance or no slot to lend. */
  lend(): boolean {
    if (!this.#held || this.maxInstances <= this.slots.size) return false;
    this.rest();
    return true;
  }

  /** Waits for a slot after {@link lend}. An instance that is gone meanwhile keeps none. */
  async takeUpAgain(isGone: () => boolean): Promise<void> {
    // A call that was sent meanwhile may have taken a slot for this instance.
    if (this.#held) return;
    await this.slots.wait();
    if (isGone() || this.#held) this.slots.release();
    else this.#held = true;
  }
}
