import type { JobQueue } from "../queue/contract.js";
import type { JobEvent } from "../queue/kv/events.js";

export interface QueueUnderTest {
  readonly queue: JobQueue;
  /** The same queue, as another process has it. */
  readonly other: JobQueue;
  /** Makes so many milliseconds pass on the queue's clock. */
  advance(ms: number): Promise<void>;
  /** What the outbox has, oldest first. */
  events(): Promise<readonly JobEvent[]>;
}

/**
 * What an engine may leave out, and says so:
 *
 * - `ageing`: waiting makes up for a low priority. Without it, a higher priority always comes first.
 * - `groups`: the groups of a type take turns. Without it, a group is a label by which jobs are listed.
 */
export type QueueCapability = "ageing" | "groups";

/** One promise of the contract. */
export interface QueueCase {
  readonly name: string;
  /** Of an engine that can do this. @default of every one */
  readonly needs?: QueueCapability;
  /** Rejects when the promise is not kept. The types `work` and `other` are registered. */
  run(under: QueueUnderTest): Promise<void>;
}
