/** Those who wait for something to happen in this process. */
export class Waiters {
  readonly #waiting = new Map<() => void, string>();

  /** Resolves when {@link wake} is called for the topic, when the signal aborts, or after `timeoutMs`; true in the last case. */
  async wait(topic: string, signal: AbortSignal, timeoutMs?: number): Promise<boolean> {
    if (signal.aborted) return false;
    let wake = () => {};
    let timer: NodeJS.Timeout | undefined;
    let late = false;
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#waiting.set(wake, topic);
      signal.addEventListener("abort", wake, { once: true });
      if (timeoutMs === undefined) return;
      timer = setTimeout(() => {
        late = true;
        resolve();
      }, timeoutMs);
    });
    clearTimeout(timer);
    this.#waiting.delete(wake);
    signal.removeEventListener("abort", wake);
    return late;
  }

  /** Null stands for every topic. */
  wake(topic: string | null): void {
    for (const [wake, theirs] of this.#waiting) if (topic === null || topic === theirs) wake();
  }
}
