import type { Logger } from "@aspen/plugin-api";
import type { BlobStore } from "@aspen/storage";
import type { PluginStore } from "../plugin-store/plugin-store.js";
import type { PluginSupervisor } from "../supervisor/plugin-supervisor.js";

export interface PluginInstallerParts {
  store: PluginStore;
  blobs: BlobStore;
  supervisor: PluginSupervisor;
  logger: Logger;
}
