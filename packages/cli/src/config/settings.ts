import type { ResolvedNodeConfig } from "@aspen/node";
import { isPlain, type Layers, sourceText } from "./layers.js";
import { masked } from "./mask.js";

/** One field of a node's configuration, as `config print` shows it. */
export interface Setting {
  /** `limits.bodyBytes` */
  field: string;
  /** As JSON; what may be a secret is `***`. */
  value: unknown;
  source: "default" | "file" | "environment" | "flag";
  /** File and line, variable or flag; left out for a default. */
  at?: string;
}

/** Every field that has a value. */
export function settingsOf({ features, flags, ...own }: ResolvedNodeConfig, layers: Layers): Setting[] {
  const settings = [...leaves([], own)].map(([path, value]) => setting(path, value, layers));
  for (const [name, on] of Object.entries(flags)) {
    settings.push(setting(["features", name], on, layers));
    const config = features.find(({ feature }) => feature.name === name)?.config;
    for (const [path, value] of leaves(["features", name], config)) {
      if (path.length > 2) settings.push(setting(path, value, layers));
    }
  }
  return settings;
}

function setting(path: readonly string[], value: unknown, layers: Layers): Setting {
  const found = layers.sourceOf(path);
  return {
    field: path.join("."),
    value: masked(path, value),
    source: found?.source.from ?? "default",
    ...(found ? { at: sourceText(found) } : {}),
  };
}

/** A list is one value, and so is an object without fields. */
function* leaves(path: readonly string[], value: unknown): Generator<[path: readonly string[], value: unknown]> {
  if (value === undefined) return;
  if (!isPlain(value) || Object.keys(value).length === 0) return yield [path, value];
  for (const [field, inner] of Object.entries(value)) yield* leaves([...path, field], inner);
}
