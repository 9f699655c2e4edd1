import type { Logger } from "@aspen/plugin-api";
import type { HandlerRegistry } from "@aspen/rpc-core";
import type { OfficialPlugins } from "../official/official-plugins.js";
import type { PluginMeters } from "../plugin-meters.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginStore } from "../plugin-store/plugin-store.js";
import type { PluginArtifact } from "../runtime.js";
import type { PluginStarter } from "./starter.js";

export interface PluginSupervisorParts {
  store: PluginStore;
  starter: PluginStarter;
  registry: HandlerRegistry;
  /** Those that the node's features bring. @default none */
  official?: OfficialPlugins;
  logger: Logger;
  /** Counts and times calls. @default nothing does */
  meters?: PluginMeters;
}

/** A change of one plugin, carried out in that plugin's turn. */
export interface PluginReplacement {
  /** What to start; `files` null takes the artifacts from the blob store. `basis` is the stored revision that it replaces. */
  prepare(): Promise<{ record: PluginRecord; files: PluginArtifact["files"] | null; basis: string | null }>;
  /** Stores it, when it has started. */
  commit(record: PluginRecord): Promise<void>;
}
