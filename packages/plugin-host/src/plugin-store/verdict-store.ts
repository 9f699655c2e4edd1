import type { Logger } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";

/** Milliseconds for which a verdict is kept: those of old Node versions and old plugins shall not stay for ever. */
const KEPT_MS = 180 * 24 * 60 * 60 * 1000;

/**
 * Remembers which code a runtime has found fit to be started, for all nodes of a store and across their restarts. A
 * runtime names code by a key of its own, which says all that the verdict depends on.
 */
export interface VerdictStore {
  /** True when the code passed before. */
  has(key: string): Promise<boolean>;
  /** Remembers that it passed, if it can; what is not remembered is found out again. */
  add(key: string): Promise<void>;
}

/** Verdicts as records that all nodes share. */
export class KvVerdictStore implements VerdictStore {
  readonly #prefix: string;

  constructor(
    private readonly kv: KeyValueStore,
    tier: string,
    private readonly logger: Logger,
  ) {
    this.#prefix = `__sys:verdict:${tier}:`;
  }

  async has(key: string): Promise<boolean> {
    return (await this.kv.get(this.#prefix + key)) !== null;
  }

  async add(key: string): Promise<void> {
    try {
      await this.kv.put(this.#prefix + key, new Uint8Array(0), { ttlMs: KEPT_MS });
    } catch (error) {
      this.logger.warn({ err: error }, "that a plugin's code was verified cannot be stored; it will be verified again");
    }
  }
}
