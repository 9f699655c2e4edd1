import type { TestFramework } from "@aspen/storage/testing";
import type { QueueCapability, QueueUnderTest } from "./queue-case.js";
import { jobQueueCases } from "./queue-cases.js";

export interface QueueConformanceOptions {
  /** Name of the engine, for the tests' titles. */
  name: string;
  /** Opens an empty queue for one test. The suite disposes it. */
  open(): Promise<QueueUnderTest & AsyncDisposable>;
  /** What the engine cannot do: cases that need it are not declared. @default [] */
  without?: readonly QueueCapability[];
}

/** Declares the tests of the whole contract of `JobQueue`. */
export function testJobQueue(
  { describe, test }: TestFramework,
  { name, open, without = [] }: QueueConformanceOptions,
): void {
  for (const [group, cases] of Object.entries(jobQueueCases)) {
    describe(`${name}: ${group}`, () => {
      for (const it of cases) {
        if (it.needs && without.includes(it.needs)) continue;
        test(it.name, async () => {
          await using queue = await open();
          await queue.queue.registerTypes(["work", "other"]);
          await it.run(queue);
        });
      }
    });
  }
}
