import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds after which something that is waited for will not come. */
const PATIENCE_MS = 30_000;

/** Resolves when a condition holds. @throws Error naming what was waited for when it does not within 30 s */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited for ${PATIENCE_MS} ms in vain: ${what}`);
    await delay(20);
  }
}
