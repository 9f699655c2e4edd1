import type { DependencyProblem } from "@aspen/plugin-api";

/** How a plugin is followed. */
export interface Follow {
  /** Turns to wait for before a start, by name. */
  turns: ReadonlyMap<string, Promise<void>>;
  problem?: DependencyProblem | undefined;
  /** Nothing else is being started: suspects are tried. */
  alone?: boolean;
}
