import { setTimeout as delay } from "node:timers/promises";
import { isAspenError } from "@aspen/plugin-api";

/** Milliseconds for which what may be done twice is tried again, when the connection is lost. */
const TRY_MS = 5000;
const PAUSE_MS = { least: 50, most: 500 };

/** Does what may as well be done twice, again while Redis cannot be reached. @throws AspenError what `work` throws */
export async function repeatable<T>(work: () => Promise<T>): Promise<T> {
  const until = performance.now() + TRY_MS;
  for (let pause = PAUSE_MS.least; ; pause = Math.min(2 * pause, PAUSE_MS.most)) {
    try {
      return await work();
    } catch (error) {
      if (!isLoss(error) || performance.now() + pause > until) throw error;
      await delay(pause);
    }
  }
}

/** What Redis answered would be answered again. */
function isLoss(error: unknown): boolean {
  if (!isAspenError(error) || error.code !== "STORE_UNAVAILABLE") return false;
  return error.cause instanceof Error && error.cause.name !== "ReplyError";
}
