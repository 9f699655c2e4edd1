const MOST_MS = 300_000;

/** Counts completed jobs for who waits for a number of them. */
export class Completions {
  #left = 0;
  #resolve = () => {};

  add() {
    this.#left -= 1;
    if (this.#left === 0) this.#resolve();
  }

  /** Resolves when `count` jobs have been completed from now on; rejects when that takes minutes. */
  async next(count) {
    let timer;
    this.#left = count;
    try {
      await new Promise((resolve, reject) => {
        this.#resolve = resolve;
        timer = setTimeout(() => reject(new Error(`${this.#left} of ${count} jobs were not completed`)), MOST_MS);
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
