import { printable } from "./output.js";

/** What the `plugin.*` methods answer of a plugin; the part that is shown. */
export interface Plugin {
  name: string;
  version: string;
  state: string;
  priority: number;
  handles: string[];
}

/** What `plugin.install` and `plugin.update` answer. */
export interface Installed extends Plugin {
  /** Methods that an earlier handler answers. */
  shadowed: { method: string; by: string }[];
  /** Methods of other plugins that it answers in their place. */
  takenOver: { method: string; from: string }[];
  /** What whoever granted it should know. */
  warnings: string[];
}

/** One line on a plugin. */
export function describePlugin({ name, version, state, handles }: Plugin): string {
  return printable(`${name} ${version} (${state}): ${handles.join(", ")}`);
}
