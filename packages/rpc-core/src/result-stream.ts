/**
 * A result that comes piece by piece, in lists of items: for a caller that takes it (`RequestContext.takesStream`). Whoever
 * gets one reads it to its end or ends the reading; until then the request is under way.
 */
export class ResultStream {
  constructor(
    /** Rejects with an `AspenError`. */
    readonly items: AsyncIterable<readonly unknown[]>,
  ) {}
}
