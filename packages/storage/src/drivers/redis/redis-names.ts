/** Namespaces whose names are remembered. */
const REMEMBERED = 10_000;

/** Names of a namespace's keys in Redis. */
export interface NamespaceNames {
  /** KEYS of its scripts. */
  keys: [version: string, never: string];
  /** Prefix of the name of every row. */
  rows: string;
  index: string;
  expiries: string;
  /** When the namespace was last registered, as of `performance.now`; minus infinity for never. */
  registeredAt: number;
  /** When an expiry in it was last announced, and for when, both as of `performance.now`; minus infinity for never. */
  announced: { at: number; due: number };
}

/** Makes the names of a namespace's keys, and remembers those of the latest namespaces. */
export class RedisNames {
  readonly #known = new Map<string, NamespaceNames>();

  constructor(private readonly prefix: string) {}

  of(namespace: string): NamespaceNames {
    const known = this.#known.get(namespace);
    if (known) return known;
    // encodeURIComponent leaves no brace, so the tag is exactly the namespace.
    const base = `${this.prefix}:{${encodeURIComponent(namespace)}}`;
    const names: NamespaceNames = {
      keys: [`${base}:v`, `${base}:never`],
      rows: `${base}:r:`,
      index: `${base}:i`,
      expiries: `${base}:e`,
      registeredAt: Number.NEGATIVE_INFINITY,
      announced: { at: Number.NEGATIVE_INFINITY, due: Number.NEGATIVE_INFINITY },
    };
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(namespace, names);
    return names;
  }
}
