import { availableParallelism } from "node:os";
import { orAborted } from "./or-aborted.js";

/** Starts at once that nobody waits for: one core stays free for calls. */
const SIDE_BY_SIDE = Math.max(1, availableParallelism() - 1);

/** Milliseconds after which a start that goes on no longer keeps the next one from beginning. */
const HOLD_MS = 1000;

interface Waiting {
  name: string;
  begin(): void;
}

/** Lets a node's plugins start a few at a time; one that a caller waits for begins at once, before and beside them. */
export class StartOrder {
  readonly #waiting: Waiting[] = [];
  /** Names that callers wait for. */
  readonly #urgent = new Set<string>();
  #running = 0;

  constructor(
    /** Plugins that this one waits for. */
    private readonly needs: (name: string) => readonly { name: string }[],
    private readonly size = SIDE_BY_SIDE,
  ) {}

  /** Resolves when the start may begin; to be disposed when it has ended. @throws the signal's reason */
  async turn(name: string, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#running >= this.size && !this.#urgent.has(name)) await this.#wait(name, signal);
    else this.#running += 1;
    this.#urgent.delete(name);
    return this.#turn();
  }

  /** A caller waits for this plugin, and so for those that it needs. */
  hurry(name: string, hurried = new Set<string>()): void {
    if (hurried.has(name)) return;
    hurried.add(name);
    for (const needed of this.needs(name)) this.hurry(needed.name, hurried);
    const waiting = this.#waiting.find((it) => it.name === name);
    if (waiting) this.#begin(waiting);
    else this.#urgent.add(name);
  }

  /** The start has ended: nobody waits for it any more. */
  forget(name: string): void {
    this.#urgent.delete(name);
  }

  async #wait(name: string, signal: AbortSignal): Promise<void> {
    let waiting: Waiting | undefined;
    const begun = new Promise<void>((resolve) => {
      waiting = { name, begin: resolve };
      this.#waiting.push(waiting);
    });
    try {
      await orAborted(begun, signal);
    } catch (error) {
      const index = this.#waiting.indexOf(waiting!);
      if (index >= 0) this.#waiting.splice(index, 1);
      // Its turn came in the same moment.
      else this.#end();
      throw error;
    }
  }

  #begin(waiting: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    this.#running += 1;
    waiting.begin();
  }

  #turn(): Disposable {
    let held = true;
    const release = () => {
      if (held) this.#end();
      held = false;
      clearTimeout(timer);
    };
    const timer = setTimeout(release, HOLD_MS);
    timer.unref();
    return { [Symbol.dispose]: release };
  }

  #end(): void {
    this.#running -= 1;
    while (this.#running < this.size && this.#waiting[0]) this.#begin(this.#waiting[0]);
  }
}
