/** Where a value comes from. */
export type Source =
  | { readonly from: "file"; readonly path: string }
  | { readonly from: "environment"; readonly variable: string }
  | { readonly from: "flag"; readonly flag: string };

/** Values of one source, in the shape of the configuration. */
export interface Layer {
  readonly source: Source;
  readonly values: Readonly<Record<string, unknown>>;
  /** Of the file: where a field stands. */
  lineOf?(path: readonly string[]): number | null;
}

/** Fields that say the same: whoever names one of them does not want the other of a layer below. */
const STORE = ["dataDir", "redisUrl"];

/** Layers of a configuration, each above those before it. */
export class Layers {
  constructor(private readonly layers: readonly Layer[]) {}

  /** All of them in one. */
  merged(): Record<string, unknown> {
    return this.layers.reduce<Record<string, unknown>>((below, { values }) => {
      const namesStore = STORE.some((field) => Object.hasOwn(values, field));
      const kept = namesStore
        ? Object.entries(below).filter(([field]) => !STORE.includes(field))
        : Object.entries(below);
      return merge(Object.fromEntries(kept), values) as Record<string, unknown>;
    }, {});
  }

  /** The topmost layer that has the field itself, with the line in the file; null when it is a default. */
  sourceOf(path: readonly string[]): { source: Source; line: number | null } | null {
    const layer = this.layers.findLast(({ values }) => has(values, path));
    return layer ? { source: layer.source, line: layer.lineOf?.(path) ?? null } : null;
  }

  /** Where to look for what is wrong with a field: the source of the field, or of the nearest one that it is in. */
  sourceAround(path: readonly string[]): { source: Source; line: number | null } | null {
    for (let length = path.length; length > 0; length -= 1) {
      const found = this.sourceOf(path.slice(0, length));
      if (found) return found;
    }
    return null;
  }
}

/** `/etc/aspen.config.yaml:3`, `ASPEN_REDIS_URL`, `--listen`. */
export function sourceText({ source, line }: { source: Source; line: number | null }): string {
  if (source.from === "environment") return source.variable;
  if (source.from === "flag") return source.flag;
  return line === null ? source.path : `${source.path}:${line}`;
}

/** Objects field by field; what is on already keeps how it is set when it is turned on again. */
function merge(below: unknown, above: unknown): unknown {
  if (!isPlain(below)) return above;
  if (above === true) return below;
  if (!isPlain(above)) return above;
  const fields = new Set([...Object.keys(below), ...Object.keys(above)]);
  const value = (field: string) => {
    if (!Object.hasOwn(above, field)) return below[field];
    return Object.hasOwn(below, field) ? merge(below[field], above[field]) : above[field];
  };
  // Not by assignment, to which `__proto__` is no field.
  return Object.fromEntries([...fields].map((field) => [field, value(field)]));
}

function has(values: unknown, path: readonly string[]): boolean {
  let here = values;
  for (const field of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, field)) return false;
    here = (here as Record<string, unknown>)[field];
  }
  return here !== undefined;
}

/** Not an instance of something: that is a value. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A module's object may come from another realm of a test runner.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
