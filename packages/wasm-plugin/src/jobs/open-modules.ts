import { createHash } from "node:crypto";
import { orAborted } from "@aspen/plugin-host";
import type { CallableModule } from "../callable-module.js";

interface Opened {
  readonly module: Promise<CallableModule>;
  users: number;
  /** Closes it when nobody has used it for a while. */
  idle: NodeJS.Timeout | null;
}

export interface OpenModulesOptions {
  /** Modules without a job that are kept ready. */
  readonly most: number;
  /** Milliseconds for which one is kept. */
  readonly idleMs: number;
  onProblem(problem: string): void;
}

/** Modules that are ready to be called, kept for a while after their last call. */
export class OpenModules implements AsyncDisposable {
  /** The one that was used last is the last. */
  readonly #opened = new Map<string, Opened>();
  readonly #closing = new Set<Promise<void>>();

  constructor(private readonly options: OpenModulesOptions) {}

  /**
   * Opens it unless it is open, and lends it to `work`. When the signal aborts it waits for `open` no longer.
   * @throws AspenError what `open` and `work` throw, or the signal's reason
   */
  async use<T>(
    identity: object,
    open: () => Promise<CallableModule>,
    { signal, work }: { signal: AbortSignal; work(module: CallableModule): Promise<T> },
  ): Promise<T> {
    const key = createHash("sha256").update(JSON.stringify(identity)).digest("hex");
    const opened = this.#opened.get(key) ?? this.#open(key, open);
    this.#opened.delete(key);
    this.#opened.set(key, opened);
    opened.users += 1;
    if (opened.idle) clearTimeout(opened.idle);
    opened.idle = null;
    try {
      return await work(await orAborted(opened.module, signal));
    } finally {
      opened.users -= 1;
      if (opened.users === 0 && this.#opened.get(key) === opened) this.#rest(key, opened);
    }
  }

  #open(key: string, open: () => Promise<CallableModule>): Opened {
    const opened: Opened = { module: open(), users: 0, idle: null };
    // Those who wait for it hear of the failure; the next tries again.
    opened.module.catch(() => this.#forget(key, opened));
    return opened;
  }

  #rest(key: string, opened: Opened): void {
    opened.idle = setTimeout(() => this.#close(key, opened), this.options.idleMs);
    opened.idle.unref();
    const idle = [...this.#opened].filter(([, { users }]) => users === 0);
    for (const [old, it] of idle.slice(0, Math.max(0, idle.length - this.options.most))) this.#close(old, it);
  }

  #forget(key: string, opened: Opened): void {
    if (this.#opened.get(key) === opened) this.#opened.delete(key);
  }

  #close(key: string, opened: Opened): void {
    this.#forget(key, opened);
    if (opened.idle) clearTimeout(opened.idle);
    const closing: Promise<void> = opened.module
      .then((module) => module[Symbol.asyncDispose]())
      .catch((error) => this.options.onProblem(`a module was not open when it was closed: ${String(error)}`))
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [key, opened] of [...this.#opened]) this.#close(key, opened);
    await Promise.all(this.#closing);
  }
}
