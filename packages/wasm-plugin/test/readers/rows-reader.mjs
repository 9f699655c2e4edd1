/** A stranger's reader: it has the rows that it is sent, and nothing else. */
export function openWorkerReader({ rows }) {
  const entries = new Map(
    rows.map(([key, value]) => [key, { key, value: new TextEncoder().encode(value), version: 1 }]),
  );
  const get = (key) => entries.get(key) ?? null;
  return {
    refresh() {},
    get,
    getMany: (keys) => keys.map(get),
    scan: ({ prefix }) => ({ entries: [...entries.values()].filter(({ key }) => key.startsWith(prefix)) }),
    [Symbol.dispose]() {},
  };
}
