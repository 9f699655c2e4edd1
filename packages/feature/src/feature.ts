import type { StandardSchema } from "@aspen/rpc-core";
import type { ContainerModule } from "inversify";
import type { SystemTool } from "./system-tool.js";

/**
 * A part of a node: what a package adds to it. `@aspen/wasm-plugin/feature` is the one to copy. A feature that is off is
 * never imported, and its package need not be installed. A package exports its own as `feature` of
 * `@aspen/<package>/feature`.
 */
export interface Feature<Config = unknown> {
  /** Its flag in the node's configuration, `features.<name>`: `jobs`, `forge`, `plugins-wasm`. Lower-case letters, digits and hyphens. */
  readonly name: string;
  /** Names of features that it stands on; they are started before it. @default [] */
  readonly requires?: readonly string[];
  /**
   * Its own part of the configuration, any Standard Schema. `true` as its flag stands for `{}`. A schema that is strict
   * and has a JSON Schema (`~standard.jsonSchema`), as those of zod, lets the node name the nearest key to an unknown one.
   */
  readonly config: StandardSchema<Config>;
  /** Programs of the system that it needs; asked for their versions before anything is started. @default none */
  tools?(config: Config): readonly SystemTool[];
  /**
   * What it binds: any number of `POINTS`, and its own identifiers. A binding to a point is resolved at once, not by a
   * promise: what takes time belongs into this function, into a factory of handlers or into a service, each of which has
   * `limits.serviceStartMs`. The node's errors name the feature, whichever of them fails.
   */
  module(config: Config): ContainerModule | Promise<ContainerModule>;
}
