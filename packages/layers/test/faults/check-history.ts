import { expect } from "@jest/globals";

/** Entries of a store in the order of their keys. */
export type Scan = (prefix: string) => Promise<[key: string, value: string][]>;

export interface Seen {
  /** Ids of the events, in their order. */
  ids: string[];
  exact: string[];
  loose: string[];
}

export async function look(scan: Scan, namespace: string): Promise<Seen> {
  // Consumers first: what they saw was there.
  const values = async (prefix: string): Promise<string[]> => (await scan(prefix)).map(([, value]) => value);
  const exact = await values(`${namespace}exact:`);
  const loose = await values(`${namespace.slice(0, -1)}-out:loose:`);
  return { ids: (await scan(`${namespace}__events:`)).map(([key]) => key), exact, loose };
}

interface Expected {
  /** What was emitted for certain. */
  acknowledged: ReadonlySet<string>;
  /** Events that were consumed at least. A write that was cut off can arrive when the consumers have ended. */
  least: number;
}

/** What must hold of a history that has ended, whatever happened in it. */
export async function checkHistory(scan: Scan, namespace: string, { acknowledged, least }: Expected): Promise<void> {
  const { ids, exact, loose } = await look(scan, namespace);
  // Of every change one event, and none of a change that was not made.
  const changed = (await scan(`${namespace}item:`)).map(([key]) => key.slice(namespace.length + "item:".length));
  const told = (await scan(`${namespace}__events:`)).map(([, value]) =>
    JSON.parse(value.slice(value.indexOf("}") + 1)),
  );
  expect(told.sort()).toEqual(changed.sort());
  const there = new Set(changed);
  expect([...acknowledged].filter((item) => !there.has(item))).toEqual([]);
  // Exactly once, in order; at least once, in order.
  for (const seen of [exact, [...new Set(loose)]]) {
    expect(seen.length).toBeGreaterThanOrEqual(least);
    expect(seen).toEqual(ids.slice(0, seen.length));
  }
  // No write of an earlier holder after one of a later, and no token with two holders.
  const fenced = (await scan(`${namespace}fenced:`)).map(
    ([, value]) => JSON.parse(value) as { token: number; owner: string },
  );
  const tokens = fenced.map(({ token }) => token);
  expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
  const holders = new Set(fenced.map(({ token, owner }) => `${token} ${owner}`));
  expect(holders.size).toBe(new Set(tokens).size);
}
