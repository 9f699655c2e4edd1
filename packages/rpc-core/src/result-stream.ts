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

/** The same stream; `ended` is called once, when it has been read to its end, has failed (with the error) or is given up. */
export function untilEnd({ items }: ResultStream, ended: (error?: unknown) => void): ResultStream {
  return new ResultStream(endedItems(items, ended));
}

async function* endedItems(items: AsyncIterable<readonly unknown[]>, ended: (error?: unknown) => void) {
  let failure: unknown;
  try {
    yield* items;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    ended(failure);
  }
}
