/** Milliseconds after which what was counted is sent: a message for each host call would cost more than the call. */
const SEND_MS = 250;

/** Counts the host calls that a worker serves itself, by name, for the meters of the main thread. */
export class LocalCounts {
  readonly #counts = new Map<string, number>();
  #waiting = false;

  constructor(private readonly send: (counts: [name: string, times: number][]) => void) {}

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    if (this.#waiting) return;
    this.#waiting = true;
    setTimeout(() => {
      this.#waiting = false;
      const counts = [...this.#counts];
      this.#counts.clear();
      this.send(counts);
    }, SEND_MS).unref();
  }
}
