/**
 * That nobody waits for something any more: what an `AbortController` says, for work of which there is so much that making
 * one for each piece would cost more than the work. Its signal is made when somebody asks for it.
 */
export class Ending {
  #over = false;
  #reason: unknown;
  #controller: AbortController | null = null;
  #listener: (() => void) | null = null;
  #more: Set<() => void> | null = null;

  get over(): boolean {
    return this.#over;
  }

  /** What `end` was given. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Aborts with the same reason. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#over) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Only the first call counts. */
  end(reason?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#reason = reason;
    const listeners = [...(this.#listener ? [this.#listener] : []), ...(this.#more ?? [])];
    this.#listener = null;
    this.#more = null;
    for (const listener of listeners) listener();
    this.#controller?.abort(reason);
  }

  /** Calls `listener` at the end, at once when that was already; returns what keeps it from that. */
  onEnd(listener: () => void): () => void {
    if (this.#over) {
      listener();
      return () => {};
    }
    // Of nearly all there is one listener.
    if (this.#listener === null) {
      this.#listener = listener;
      return () => {
        if (this.#listener === listener) this.#listener = null;
      };
    }
    this.#more ??= new Set();
    const own = () => listener();
    this.#more.add(own);
    return () => this.#more?.delete(own);
  }
}
