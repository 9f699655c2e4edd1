/** A start of one plugin. */
export interface StartUnderWay extends Disposable {
  /** Aborted when the start is given up. */
  readonly signal: AbortSignal;
  /** The stored revision that it was decided on; null when the plugin was not installed. */
  readonly basis: string | null;
  giveUp(reason: Error): void;
}

/** The starts of this node, so that they can be given up: each plugin has one at most, in its turn. */
export class StartsUnderWay {
  readonly #starts = new Map<string, StartUnderWay>();

  /** To be disposed when the start has ended. */
  begin(name: string, basis: string | null): StartUnderWay {
    const controller = new AbortController();
    const start: StartUnderWay = {
      signal: controller.signal,
      basis,
      giveUp: (reason) => controller.abort(reason),
      [Symbol.dispose]: () => {
        if (this.#starts.get(name) === start) this.#starts.delete(name);
      },
    };
    this.#starts.set(name, start);
    return start;
  }

  get(name: string): StartUnderWay | undefined {
    return this.#starts.get(name);
  }

  entries(): [string, StartUnderWay][] {
    return [...this.#starts];
  }
}
