import { setMaxListeners } from "node:events";
import { EntryContext } from "./entry-context.js";
import { rpcErrors } from "./errors.js";
import { armLate, type Late } from "./late-timers.js";
import type { Next } from "./middleware/middleware.js";
import type { RequestContext, RpcRequest } from "./request.js";

/** The longest delay that a timer takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;
/** A deadline that is further away may get its timer a moment later. */
const FAR_MS = 100;

/** Ends the waits for a request, and tells its handler, when the caller is gone or its deadline has passed. */
export class TimeLimit implements Late {
  readonly #controller = new AbortController();
  #error: Error | null = null;
  #giveUp: ((error: Error) => void) | null = null;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #forget: (() => void) | null = null;
  /** What the handler gets. */
  readonly #context: RequestContext;

  constructor(
    private readonly method: string,
    context: RequestContext,
  ) {
    this.#context = { ...context, signal: this.#controller.signal };
    this.#listen(context);
    const { deadline } = context;
    if (deadline === undefined || this.#error !== null) return;
    if (deadline - performance.now() > FAR_MS) armLate(this);
    else this.arm();
  }

  get ended(): boolean {
    return this.#ended || this.#error !== null;
  }

  /** Sets the timer of the deadline. */
  arm(): void {
    const left = Math.min(this.#context.deadline! - performance.now(), MAX_DELAY_MS);
    const late = () => this.#stop(rpcErrors.deadlineExceeded(this.method));
    if (left <= 0) late();
    else this.#timer = setTimeout(late, left);
  }

  /** The result of the way. @throws AspenError `CANCELLED`, `DEADLINE_EXCEEDED` as soon as nobody waits any more */
  within(way: Next, request: RpcRequest): Promise<unknown> {
    return this.wait(() => way(request, this.#context));
  }

  /** The same of any work; it is not begun when nobody waits any more. One wait at a time. */
  wait<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#error) return reject(this.#error);
      this.#giveUp = reject;
      // Of JavaScript, a middleware may give something else than a promise.
      Promise.resolve(work()).then(resolve, reject);
    });
  }

  end(): void {
    this.#ended = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#forget?.();
  }

  #listen(context: RequestContext): void {
    const onAbort = () => this.#stop(rpcErrors.cancelled(this.method));
    const ending = EntryContext.endingOf(context);
    if (ending) {
      this.#forget = ending.onEnd(onAbort);
      return;
    }
    const { signal } = context;
    if (signal.aborted) {
      onAbort();
      return;
    }
    // One signal may stand for any number of requests; that is no leak.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#forget = () => signal.removeEventListener("abort", onAbort);
  }

  #stop(error: Error): void {
    if (this.#error) return;
    this.#error = error;
    this.#giveUp?.(error);
    this.#controller.abort(error);
  }
}
