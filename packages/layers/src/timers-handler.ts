import type { Check, Op } from "@aspen/storage";
import { layersErrors } from "./errors.js";

export interface TimerTick {
  /** Of the timer. */
  readonly name: string;
  /** The same for the same tick on every node and at every attempt: the name, `@`, and the time as ISO 8601 has it. */
  readonly id: string;
  /** Milliseconds since the Unix epoch; its handler is called then or later. */
  readonly scheduledAt: number;
  readonly payload: unknown;
  /** 1 for the first call on this node. */
  readonly attempt: number;
  /** Aborted when the run ends, the handler has had its time, or the cluster's ticks are another node's now. */
  readonly signal: AbortSignal;
}

/** Changes that are made in the transaction that records the tick; their keys are of the namespace of the timers. */
export interface TickChanges {
  checks?: Check[];
  ops: Op[];
  /** Called when they are known to be made; not when the answer of the store was lost. It must not throw. */
  onCommitted?(): void;
}

/** When it throws, or a check of what it returns does not hold, it is called again with the same tick. */
export type TimerHandler = (tick: TimerTick) => Promise<TickChanges | undefined> | Promise<void>;

/**
 * Calls a handler, and waits for it at most `timeoutMs`.
 *
 * @throws AspenError `DEADLINE_EXCEEDED`, or what the handler throws
 */
export async function callHandler(
  handler: TimerHandler,
  tick: Omit<TimerTick, "signal">,
  signals: readonly AbortSignal[],
  timeoutMs: number,
): Promise<TickChanges | undefined> {
  const controller = new AbortController();
  const stops = signals.map((signal) => {
    const stop = (): void => controller.abort(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    return () => signal.removeEventListener("abort", stop);
  });
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = layersErrors.handlerTimeout(tick.id, timeoutMs);
      controller.abort(error);
      reject(error);
    }, timeoutMs);
  });
  try {
    const work = (async () => (await handler({ ...tick, signal: controller.signal })) ?? undefined)();
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
    for (const stop of stops) stop();
  }
}
