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

/** One promise of the contract. */
export interface QueueCase {
  readonly name: string;
  /** Rejects when the promise is not kept. The types `work` and `other` are registered. */
  run(under: QueueUnderTest): Promise<void>;
}
