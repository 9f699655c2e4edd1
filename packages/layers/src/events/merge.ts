/** What one source had next. */
type Arrival<T> = { source: AsyncIterator<T> } & ({ result: IteratorResult<T> } | { error: unknown });

/**
 * Everything that several sources yield, in the order of each, as it comes. At most one value of each waits here. The first
 * error of one ends all.
 *
 * @param end makes the sources end that are waiting
 */
export async function* merge<T>(
  sources: readonly AsyncGenerator<T, void, undefined>[],
  end: () => void,
): AsyncGenerator<T, void, undefined> {
  const arrived: Arrival<T>[] = [];
  let wake = (): void => {};
  const pull = (source: AsyncIterator<T>): void => {
    const arrive = (arrival: Arrival<T>): void => {
      arrived.push(arrival);
      wake();
    };
    source.next().then(
      (result) => arrive({ source, result }),
      (error) => arrive({ source, error }),
    );
  };
  let open = sources.length;
  for (const source of sources) pull(source);
  try {
    while (open > 0) {
      const arrival = arrived.shift();
      if (!arrival) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if ("error" in arrival) {
        throw arrival.error;
      } else if (arrival.result.done) {
        open -= 1;
      } else {
        yield arrival.result.value;
        pull(arrival.source);
      }
    }
  } finally {
    end();
    await Promise.allSettled(sources.map((source) => source.return()));
  }
}
