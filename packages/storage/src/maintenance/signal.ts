import { storageErrors } from "../errors.js";

/** @throws AspenError `CANCELLED` when the signal has aborted */
export function throwIfCancelled(signal: AbortSignal | undefined, work: string): void {
  if (signal?.aborted) throw storageErrors.cancelled(work);
}

/** Lets everything else of this thread run, between two pages. @throws AspenError `CANCELLED` */
export async function breathe(signal: AbortSignal | undefined, work: string): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  throwIfCancelled(signal, work);
}
