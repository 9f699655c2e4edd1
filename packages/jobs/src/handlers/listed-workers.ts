import type { JobQueue, WorkerInfo } from "../queue/contract.js";

/** Milliseconds for which a worker is listed after it registered or polled. */
const SEEN_MS = 60_000;
/** Workers whose last announcement is remembered. */
const REMEMBERED = 10_000;

/** Workers in other processes, which are listed as long as they poll. */
export class ListedWorkers {
  /** When each was announced last by this node, on the clock of the process. */
  readonly #announcedAt = new Map<string, number>();

  constructor(private readonly queue: Pick<JobQueue, "announce" | "workers">) {}

  /** @throws AspenError as `JobQueue.announce` */
  async registered(name: string, types: readonly string[], concurrency: number): Promise<void> {
    await this.#announce({ name, types, concurrency, running: 0, seenAt: Date.now() });
  }

  /** Announces it anew when that is due. @throws AspenError as `JobQueue.announce` */
  async polled(name: string, types: readonly string[], limit: number): Promise<void> {
    const before = this.#announcedAt.get(name);
    if (before !== undefined && performance.now() - before < SEEN_MS / 3) return;
    const listed = (await this.queue.workers()).find((worker) => worker.name === name);
    const { concurrency, running } = listed ?? { concurrency: limit, running: 0 };
    await this.#announce({ name, types, concurrency, running, seenAt: Date.now() });
  }

  async #announce(info: WorkerInfo): Promise<void> {
    await this.queue.announce(info, SEEN_MS);
    if (this.#announcedAt.size >= REMEMBERED) this.#announcedAt.clear();
    this.#announcedAt.set(info.name, performance.now());
  }
}
