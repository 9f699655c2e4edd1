import type { IncomingMessage, ServerResponse } from "node:http";
import { Ending } from "@aspen/rpc-core";
import { isArriving } from "./linger.js";

/** One request and its answer. */
export class Exchange {
  /** It ends when nobody waits for the answer any more: the client is gone, or the node cannot wait. */
  readonly ending = new Ending();

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    /** Called when the answer is given, or cannot be any more. */
    onClose: () => void,
  ) {
    response.once("close", () => {
      if (!response.writableFinished) this.ending.end();
      onClose();
    });
  }

  /** Ends the work on the answer. Whoever reads the request's body gets `error`. */
  cut(error: Error): void {
    if (!this.response.headersSent && isArriving(this.request) && this.request.listenerCount("error") > 0)
      this.request.emit("error", error);
    this.ending.end(error);
  }
}
