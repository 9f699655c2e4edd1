import type { Leases } from "@aspen/layers";
import type { RepositoryRecord } from "../domain/repository.js";
import { readRoot } from "../domain/root.js";
import { compact } from "./compact.js";
import type { GatewayParts } from "./parts.js";

/** Puts packs together in the background, one repository after the other, each on one node at a time. */
export class Compactor implements AsyncDisposable {
  readonly #queue = new Map<string, RepositoryRecord>();
  readonly #ended = new AbortController();
  #running: Promise<void> | null = null;

  constructor(
    private readonly parts: GatewayParts,
    private readonly leases: Leases,
  ) {}

  /** Looks at a repository soon. */
  ask(record: RepositoryRecord): void {
    if (this.#ended.signal.aborted) return;
    this.#queue.set(record.id, record);
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    for (const record of this.#queue.values()) {
      this.#queue.delete(record.id);
      if (signal.aborted) return;
      try {
        await this.#compact(record, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.parts.log.warn({ err: error, repository: record.id }, "the packs of a repository were not put together");
      }
    }
  }

  async #compact(record: RepositoryRecord, signal: AbortSignal): Promise<void> {
    const found = await readRoot(this.parts.store, record.id);
    if (!found || found.root.packs.length < this.parts.options.compactPacks) return;
    // Who holds it is at it; what comes meanwhile is for the next push to say.
    const lease = await this.leases.tryAcquire(`forge:lease:compact:${record.id}`);
    if (!lease) return;
    try {
      await compact(this.parts, record, AbortSignal.any([signal, lease.signal]));
    } finally {
      await lease.release();
    }
  }
}
