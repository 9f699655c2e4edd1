import type { IncomingMessage, ServerResponse } from "node:http";
import { isArriving } from "./linger.js";

/** One request and its answer. */
export class Exchange {
  readonly #over = new AbortController();

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
  ) {
    response.once("close", () => {
      if (!response.writableFinished) this.#over.abort();
    });
  }

  /** Aborts when nobody waits for the answer any more: the client is gone, or the node cannot wait. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Ends the work on the answer. Whoever reads the request's body gets `error`. */
  cut(error: Error): void {
    if (!this.response.headersSent && isArriving(this.request) && this.request.listenerCount("error") > 0)
      this.request.emit("error", error);
    this.#over.abort(error);
  }
}
