import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import {
  type ClaimedJob,
  type ClaimOptions,
  FunctionWorker,
  KvJobQueue,
  type QueueSignal,
  WorkerPool,
} from "../src/index.js";
import { QUICK, silent } from "./helpers.js";

/** Microtasks between the answer to a claim and the hint; the look at the answer takes a few of them. */
const LATEST = 16;

/** Answers the first claim with nothing, and tells of jobs so many microtasks later; nothing else tells of any. */
class LateHint extends KvJobQueue {
  claims = 0;
  #listener: (signal: QueueSignal) => void = () => undefined;

  constructor(
    store: MemoryStore,
    private readonly microtasks: number,
  ) {
    super(store);
  }

  override subscribe(listener: (signal: QueueSignal) => void): Disposable {
    this.#listener = listener;
    return { [Symbol.dispose]: () => undefined };
  }

  override async claim(options: ClaimOptions): Promise<ClaimedJob[]> {
    this.claims += 1;
    if (this.claims > 1) return super.claim(options);
    void this.#hint();
    return [];
  }

  async #hint(): Promise<void> {
    for (let n = 0; n < this.microtasks; n++) await null;
    this.#listener({ kind: "ready", type: "t" });
  }
}

test("a hint that comes while a look for jobs ends is not lost", async () => {
  for (let microtasks = 0; microtasks <= LATEST; microtasks++) {
    await using store = new MemoryStore();
    await using queue = new LateHint(store, microtasks);
    await using pool = new WorkerPool({ queue, blobs: store.blobs, logger: silent }, { ...QUICK, pollMs: 600_000 });
    pool.add(new FunctionWorker([{ type: "t", run: () => "done" }]));
    await pool.start();
    while (queue.claims === 0) await new Promise((resolve) => setImmediate(resolve));
    // The look that follows from the hint is due before this timer; one that waits for its turn a second later is not.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect({ microtasks, looks: queue.claims > 1 }).toEqual({ microtasks, looks: true });
  }
}, 60_000);
