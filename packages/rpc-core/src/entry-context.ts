import type { Caller } from "./caller.js";
import type { Ending } from "./ending.js";
import type { RequestContext } from "./request.js";
import type { TraceContext } from "./trace.js";

export interface EntryContextParts extends Omit<RequestContext, "signal"> {
  /** In place of a signal. */
  ending: Ending;
}

/**
 * The context of a request where it enters, for whoever lets in very many: a dispatcher listens to the `Ending` itself, so
 * that no signal is made of it. Handlers and middleware get a plain context with a signal of their own. A copy made by
 * spreading has no signal.
 */
export class EntryContext implements RequestContext {
  readonly requestId: string;
  readonly caller: Caller;
  readonly deadline?: number;
  readonly via?: readonly string[];
  readonly takesJsonBytes?: boolean;
  readonly trace?: TraceContext | undefined;
  readonly takesStream?: boolean;
  readonly #ending: Ending;

  constructor({ requestId, caller, ending, deadline, via, takesJsonBytes, trace, takesStream }: EntryContextParts) {
    this.requestId = requestId;
    this.caller = caller;
    if (deadline !== undefined) this.deadline = deadline;
    if (via !== undefined) this.via = via;
    this.takesJsonBytes = takesJsonBytes ?? false;
    this.trace = trace;
    this.takesStream = takesStream ?? false;
    this.#ending = ending;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** The one that a context was made with; null for any other context. */
  static endingOf(context: RequestContext): Ending | null {
    return #ending in context ? context.#ending : null;
  }
}
