import type { ResultOf } from "@aspen/rpc-core/remote";
import { printable } from "./output.js";

/** What is shown of a plugin; a store knows of other states than a node. */
export type ShownPlugin = Pick<ResultOf<"plugin.info">, "name" | "version" | "priority" | "handles"> & {
  state: string;
};

/** One line on a plugin. */
export function describePlugin({ name, version, state, handles }: Omit<ShownPlugin, "priority">): string {
  return printable(`${name} ${version} (${state}): ${handles.join(", ")}`);
}
