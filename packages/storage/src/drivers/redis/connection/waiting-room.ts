import { storageErrors } from "../../../errors.js";
import { Deadlines } from "./deadlines.js";

/** Commands that wait for a connection or for another try; a bounded number of them. */
export class WaitingRoom {
  readonly #deadlines = new Deadlines();
  readonly #leave = new Set<() => void>();
  /** Commands that wait elsewhere and count, too. */
  #elsewhere = 0;

  constructor(private readonly limit: number) {}

  /**
   * Resolves at a time of `performance.now`, or when {@link wake} is called.
   * @throws AspenError `STORE_UNAVAILABLE` when it is full
   */
  async wait(until: number): Promise<void> {
    this.assertRoom();
    await new Promise<void>((resolve) => {
      const leave = () => {
        this.#leave.delete(leave);
        this.#deadlines.delete(leave);
        resolve();
      };
      this.#leave.add(leave);
      this.#deadlines.add(leave, until);
    });
  }

  /** @throws AspenError `STORE_UNAVAILABLE` when it is full */
  assertRoom(): void {
    if (this.#leave.size + this.#elsewhere < this.limit) return;
    throw storageErrors.unavailable(
      `${this.limit} commands wait for a connection to Redis already (maxWaitingCommands)`,
    );
  }

  /** Counts a command that waits elsewhere, until the returned function is called. */
  count(): () => void {
    this.#elsewhere += 1;
    return () => {
      this.#elsewhere -= 1;
    };
  }

  wake(): void {
    for (const leave of [...this.#leave]) leave();
  }
}
