const MOST_MS = 300_000;

/** Counts completed jobs for those who wait for a number of them. */
export class Completions {
  #done = 0;
  #waiting = new Map();

  add() {
    this.#done += 1;
    this.#waiting.get(this.#done)?.();
  }

  /** Resolves when `count` jobs have been completed from now on; rejects when that takes minutes. */
  async next(count) {
    const all = this.#done + count;
    let timer;
    try {
      await new Promise((resolve, reject) => {
        this.#waiting.set(all, resolve);
        const late = () => reject(new Error(`${all - this.#done} of ${count} jobs were not completed`));
        timer = setTimeout(late, MOST_MS);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(all);
    }
  }
}
