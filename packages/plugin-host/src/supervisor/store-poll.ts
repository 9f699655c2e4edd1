import { every, type Logger } from "@aspen/plugin-api";
import type { PluginStore } from "../plugin-store/plugin-store.js";

export interface StorePollOptions {
  store: PluginStore;
  logger: Logger;
  /** Milliseconds between two looks. */
  everyMs: number;
  /** True when there is something to do for what the store says. */
  isDue(epoch: number | null): boolean;
  /** Does it. */
  onDue(): Promise<void>;
}

/** Looks at the store's epoch again and again. A store that cannot be read is told once, until it can be again. */
export class StorePoll implements Disposable {
  readonly #ended = new AbortController();
  #failed = false;

  constructor(private readonly options: StorePollOptions) {}

  begin(): void {
    every(this.options.everyMs, () => this.#look(), {
      signal: this.#ended.signal,
      onError: (error) => this.failed(error),
    });
  }

  failed(error: unknown): void {
    if (!this.#failed) this.options.logger.warn({ err: error }, "the store cannot be read; plugins stay as they are");
    this.#failed = true;
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }

  async #look(): Promise<void> {
    const { store, isDue, onDue } = this.options;
    const epoch = await store.epoch();
    this.#failed = false;
    // Not awaited: one plugin's slow start must not keep this node from seeing further changes.
    if (isDue(epoch)) onDue().catch((error) => this.failed(error));
  }
}
