import type { Authenticator, Clock, Service } from "@aspen/feature";
import { Leases } from "@aspen/layers";
import { every, type Logger, type Loop } from "@aspen/plugin-api";
import type { BlobStore, KeyValueStore } from "@aspen/storage";
import { Repositories } from "../domain/repositories.js";
import type { RepositoryRecord } from "../domain/repository.js";
import { Compactor } from "./compactor.js";
import { Git } from "./git.js";
import { GitMount } from "./git-mount.js";
import { nativeStore } from "./native-store.js";
import { type GatewayOptions, normalGatewayOptions } from "./options.js";
import type { GatewayParts } from "./parts.js";
import { RepositoryCache } from "./repository-cache.js";
import { tidy } from "./tidy.js";

export interface GatewayServices {
  kv: KeyValueStore;
  blobs: BlobStore;
  clock: Clock;
  log: Logger;
  authenticators: readonly Authenticator[];
  /** Where the node listens. */
  url: () => string;
}

/** Milliseconds between two looks for what is left over. */
const TIDY_MS = 600_000;

/** The native part of the forge: what git clients reach, and what it keeps in order. */
export class Gateway implements Service {
  readonly name = "forge";
  readonly mount: GitMount;
  readonly parts: GatewayParts;
  readonly compactor: Compactor;
  #tidying: Loop | null = null;

  constructor({ kv, blobs, clock, log, authenticators, url }: GatewayServices, given: GatewayOptions = {}) {
    const options = normalGatewayOptions(given);
    const store = nativeStore(kv, clock);
    const cache = new RepositoryCache({
      store,
      blobs,
      directory: options.cacheDirectory,
      mostBytes: options.cacheBytes,
    });
    const address = () => (options.url ?? url()).replace(/\/+$/, "");
    this.parts = { store, blobs, cache, git: new Git(options), options, log, url: address };
    this.compactor = new Compactor(this.parts, new Leases(kv));
    const onPack = (record: RepositoryRecord) => this.compactor.ask(record);
    this.mount = new GitMount({ ...this.parts, authenticators, repositories: new Repositories(store), onPack });
  }

  async start(): Promise<void> {
    this.#tidying = every(TIDY_MS, (signal) => tidy(this.parts, signal), {
      onError: (error) => this.parts.log.warn({ err: error }, "the forge could not remove what is left over"),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tidying?.[Symbol.asyncDispose]();
    await this.compactor[Symbol.asyncDispose]();
    await this.parts.cache[Symbol.asyncDispose]();
  }
}
