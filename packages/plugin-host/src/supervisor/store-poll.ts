import { every, type Logger } from "@aspen/plugin-api";
import type { PluginStore } from "../plugin-store/plugin-store.js";

/** Most milliseconds between two looks for plugins that are to be tried again. */
const BEHIND_MS = 500;

export interface StorePollOptions {
  store: PluginStore;
  logger: Logger;
  /** Milliseconds between two looks, should the watch miss something. */
  everyMs: number;
  /** True while this node is to try again what it could not do before. */
  isBehind(): boolean;
  /** True when there is something to do for what the store says. */
  isDue(epoch: number | null): boolean;
  /** Does it. */
  onDue(): Promise<void>;
}

/**
 * Follows the store's epoch by a watch, and looks at it now and then. A store that cannot be read is told once, until it can
 * be again.
 */
export class StorePoll implements Disposable {
  readonly #ended = new AbortController();
  #failed = false;
  #lookAt = 0;

  constructor(private readonly options: StorePollOptions) {}

  begin(): void {
    const { everyMs } = this.options;
    const { signal } = this.#ended;
    const onError = (error: unknown) => this.failed(error);
    every(Math.min(everyMs, BEHIND_MS), () => this.#look(), { signal, onError });
    // Begun anew when it fails; it runs until the end.
    every(Math.min(everyMs, BEHIND_MS), () => this.#watch(), { signal, onError }).soon();
  }

  failed(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    if (!this.#failed) this.options.logger.warn({ err: error }, "the store cannot be read; plugins stay as they are");
    this.#failed = true;
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }

  async #watch(): Promise<void> {
    for await (const epoch of this.options.store.epochs(this.#ended.signal)) this.#seen(epoch, false);
  }

  async #look(): Promise<void> {
    const { store, everyMs } = this.options;
    const behind = this.options.isBehind();
    if (!behind && performance.now() < this.#lookAt) return;
    this.#lookAt = performance.now() + everyMs;
    this.#seen(await store.epoch(), behind);
  }

  #seen(epoch: number | null, behind: boolean): void {
    this.#failed = false;
    const { isDue, onDue } = this.options;
    // Not awaited: one plugin's slow start must not keep this node from seeing further changes.
    if (!this.#ended.signal.aborted && (behind || isDue(epoch))) onDue().catch((error) => this.failed(error));
  }
}
