import { randomInt } from "node:crypto";

/** Locks that a token tells apart, and starts of one job: together they fill the whole numbers of a double. */
const LOCKS = 2 ** 30;

/**
 * Fencing tokens. BullMQ locks a job with a text that its worker chooses before the job is known, and counts its starts:
 * a token has both, so that it grows with every start, and says with which text the job is locked.
 */
export class Tokens {
  #next = randomInt(LOCKS);

  /** A text to lock with, unlike those of this process before, and hardly ever like another's. */
  lock(): string {
    this.#next = (this.#next + 1) % LOCKS;
    return String(this.#next);
  }

  static of(starts: number, lock: string): number {
    return starts * LOCKS + Number(lock);
  }

  static lockIn(token: number): string {
    return String(token % LOCKS);
  }

  static startsIn(token: number): number {
    return Math.floor(token / LOCKS);
  }
}

/** What a job is locked with from the moment on that it is to be cancelled: who holds it finds its own lock changed. */
export function cancelledLock(lock: string): string {
  return `cancel:${lock}`;
}
