import { every, type Loop } from "@aspen/plugin-api/every";
import type { RedisConnection } from "../connection/redis-connection.js";
import type { RedisTopology } from "../connection/topology.js";
import { checkServer, evictedKeys } from "./server-check.js";

/** Least milliseconds between two looks at the servers, also when `lookSoon` asks for more. */
const LEAST_MS = 1000;

export interface ServerWatchOptions {
  connection: RedisConnection;
  kind: RedisTopology["kind"];
  /** Milliseconds between two looks. */
  intervalMs: number;
  /** Warnings of the opening, which are not repeated. */
  known: readonly string[];
  onWarning(warning: string): void;
}

/**
 * Checks now and then the configuration of the servers, which somebody may change while the store is open, and whether
 * they have evicted keys. It tells each finding once, and again when it has come back.
 */
export class ServerWatch {
  readonly #loop: Loop;
  #told: ReadonlySet<string>;
  #evicted = new Map<string, number>();
  #lookedAt = performance.now();

  constructor(private readonly options: ServerWatchOptions) {
    this.#told = new Set(options.known);
    this.#loop = every(options.intervalMs, (signal) => this.#look(signal), {
      onError: (error) => process.emitWarning(`the servers' configuration could not be looked at: ${error}`),
    });
  }

  /** Looks at once, unless it did so just now: a row that must be there is gone. */
  lookSoon(): void {
    this.#loop.soon(this.#lookedAt + LEAST_MS - performance.now());
  }

  close(): void {
    this.#loop[Symbol.dispose]();
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { connection, kind } = this.options;
    const found = await checkServer(connection, kind).catch((error: Error) => [error.message]);
    const evictions = await this.#evictions().catch(() => []);
    this.#lookedAt = performance.now();
    if (signal.aborted) return;
    for (const warning of found) {
      if (!this.#told.has(warning)) this.options.onWarning(warning);
    }
    for (const warning of evictions) this.options.onWarning(warning);
    this.#told = new Set(found);
  }

  /** A sentence for each server that has evicted more keys since the last look. */
  async #evictions(): Promise<string[]> {
    const warnings: string[] = [];
    for (const { node, evicted } of await evictedKeys(this.options.connection)) {
      const before = this.#evicted.get(node) ?? 0;
      this.#evicted.set(node, evicted);
      if (evicted <= before) continue;
      warnings.push(
        `${node} has evicted ${evicted - before} keys, which are lost: set maxmemory-policy to noeviction, then run \`aspen store verify\``,
      );
    }
    return warnings;
  }
}
