/** Work that is under way at once. A failure is kept until somebody waits, so that none is left unhandled. */
export class Window {
  #pending: Promise<void>[] = [];
  #failure: { error: unknown } | null = null;

  get size(): number {
    return this.#pending.length;
  }

  add(work: Promise<unknown>): void {
    this.#pending.push(
      work.then(
        () => undefined,
        (error: unknown) => {
          this.#failure ??= { error };
        },
      ),
    );
  }

  /** Waits for all of it. @throws the first failure */
  async drain(): Promise<void> {
    await Promise.all(this.#pending);
    this.#pending = [];
    if (this.#failure) throw this.#failure.error;
  }
}
