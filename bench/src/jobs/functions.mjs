// What worker threads and sandboxes run.
import { setTimeout as delay } from "node:timers/promises";

/** Of a ThreadWorker; BullMQ's sandboxes take the same function. */
export default function noOp() {
  return null;
}

/** Never heeds its signal. */
export function forever(_job, { log }) {
  log.info({}, "begun");
  for (;;);
}

export async function heedful(_job, { log, signal }) {
  log.info({}, "begun");
  await delay(3_600_000, undefined, { signal });
}
