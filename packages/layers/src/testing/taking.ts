import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds after which something that is waited for will not come. */
const PATIENCE_MS = 60_000;

/** Takes values off an iteration, without ending it. @throws Error when one does not come within 60 s, or it ends */
export async function take<T>(values: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const waited = new AbortController();
    // Its timer also keeps the process alive while nothing else does.
    const late = delay(PATIENCE_MS, null, { signal: waited.signal }).catch(() => null);
    const next = await Promise.race([values.next(), late]).finally(() => waited.abort());
    if (!next || next.done) throw new Error(`only ${taken.length} of ${count} values came`);
    taken.push(next.value);
  }
  return taken;
}
