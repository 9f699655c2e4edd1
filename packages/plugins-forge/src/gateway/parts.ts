import type { Logger } from "@aspen/plugin-api";
import type { BlobStore } from "@aspen/storage";
import type { ForgeStore } from "../domain/forge-store.js";
import type { Git } from "./git.js";
import type { NormalGatewayOptions } from "./options.js";
import type { RepositoryCache } from "./repository-cache.js";

/** What the gateway works with. */
export interface GatewayParts {
  readonly store: ForgeStore;
  readonly blobs: BlobStore;
  readonly cache: RepositoryCache;
  readonly git: Git;
  readonly options: NormalGatewayOptions;
  readonly log: Logger;
  /** Where people reach the node, without a slash at its end. */
  readonly url: () => string;
}
