import type { Dispatcher } from "undici";

/** An answer as it came. */
export interface RawAnswer {
  status: number;
  bytes: Buffer;
}

export interface AnswerReaderOptions {
  signal: AbortSignal;
  /** Most bytes that are read. */
  limit: number;
  /** What more than that is refused with. */
  tooLarge: () => Error;
  resolve: (answer: RawAnswer) => void;
  reject: (error: unknown) => void;
}

/**
 * Puts an answer of undici's lowest interface together. `request` would give a stream for every body, which costs a node
 * that passes requests on more than anything else it does.
 */
export class AnswerReader implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | null = null;
  #status = 0;
  #size = 0;
  readonly #parts: Buffer[] = [];

  constructor(private readonly options: AnswerReaderOptions) {
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.options.signal.aborted) controller.abort(reasonOf(this.options.signal));
  }

  /** Also called for interim answers, before the one that counts. */
  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(controller: Dispatcher.DispatchController, part: Buffer): void {
    this.#size += part.length;
    if (this.#size > this.options.limit) controller.abort(this.options.tooLarge());
    else this.#parts.push(part);
  }

  onResponseEnd(): void {
    this.#end();
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.#size);
    this.options.resolve({ status: this.#status, bytes });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end();
    this.options.reject(error);
  }

  readonly #onAbort = (): void => {
    const reason = reasonOf(this.options.signal);
    this.#end();
    // A request that still waits for a connection is given up when it gets one.
    this.#controller?.abort(reason);
    this.options.reject(reason);
  };

  #end(): void {
    this.options.signal.removeEventListener("abort", this.#onAbort);
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("aborted", { cause: signal.reason });
}
