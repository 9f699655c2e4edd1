/** Starts `work` for each item, a few ahead of the one that is waited for, and gives the results in order. */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  ahead: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const under: Promise<R>[] = [];
  const begin = (item: T) => {
    const result = work(item);
    // Heard of when its turn comes; until then, and when nobody asks any more, it is not unhandled.
    result.catch(() => undefined);
    under.push(result);
  };
  try {
    for (const item of items) {
      begin(item);
      if (under.length > ahead) yield await under.shift()!;
    }
    while (under.length > 0) yield await under.shift()!;
  } finally {
    await Promise.allSettled(under);
  }
}
