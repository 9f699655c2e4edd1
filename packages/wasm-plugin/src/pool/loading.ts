import { type MainSlot, sharedNow } from "../protocol/channel.js";
import type { CallOutcome, FromWorker, LoadMessage } from "../protocol/messages.js";
import { isHeapLimit, type WorkerThread } from "./worker-thread.js";

/** Milliseconds between looks at whether the guest's own start has begun and how much it computes. */
const LOOK_MS = 20;

/** How loading a plugin into a worker failed. */
export class LoadFailure extends Error {
  constructor(
    readonly phase: "start" | "instantiate" | "plugin_info" | "plugin_init",
    readonly outcome: CallOutcome,
  ) {
    super(`the plugin failed in ${phase}`);
  }
}

export interface LoadingOptions {
  worker: WorkerThread;
  message: LoadMessage;
  slot: MainSlot;
  /** Milliseconds for everything but the guest's own start, which has `limitMs`. */
  startTimeoutMs: number;
  limitMs: number;
  /** Ends the start; its reason is an Error that says why. */
  signal: AbortSignal;
  /** Gets every other message of the worker meanwhile. */
  onMessage(message: FromWorker): void;
}

/**
 * Waits until a booted worker has loaded the plugin; resolves with what its `plugin_info` says.
 *
 * @throws LoadFailure how the guest failed, or that it took too long
 */
export async function loaded(options: LoadingOptions): Promise<string> {
  const { worker, message, slot, startTimeoutMs, limitMs, signal } = options;
  let timer: NodeJS.Timeout | undefined;
  let watch: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      const late = () => reject(new LoadFailure("start", { kind: "interrupted" }));
      timer = setTimeout(late, startTimeoutMs + limitMs);
      // The guest's part begins when the worker says so, with a negative number.
      const look = () => {
        const left = slot.running < 0 ? limitMs - (sharedNow() - slot.startedAt) : LOOK_MS;
        worker.priority.look();
        if (left > 0) watch = setTimeout(look, Math.max(1, Math.min(LOOK_MS, left)));
        else late();
      };
      look();
      onAbort = () => reject(new LoadFailure("start", trap(signal.reason.message)));
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      worker.attach({
        message: (reply) => {
          if (reply.type === "loaded") resolve(reply.info);
          else if (reply.type === "load-failed") reject(new LoadFailure(reply.phase, reply.outcome));
          else options.onMessage(reply);
        },
        died: (reason) => {
          const memoryBytes = isHeapLimit(reason) ? Number.POSITIVE_INFINITY : 0;
          reject(new LoadFailure("start", { ...trap(reason), memoryBytes }));
        },
      });
      if (worker.ended) reject(new LoadFailure("start", trap("its worker ended")));
      worker.post(message);
    });
  } finally {
    clearTimeout(timer);
    clearTimeout(watch);
    if (onAbort) signal.removeEventListener("abort", onAbort);
  }
}

function trap(message: string) {
  return { kind: "trap", message, memoryBytes: 0 } as const;
}
