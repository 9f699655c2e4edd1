/**
 * Milliseconds within which a second signal counts as the first one. A terminal's Ctrl-C reaches npm and the command
 * alike, and npm passes its own on: the command gets two within a millisecond or so.
 */
const SAME_SIGNAL_MS = 500;

/**
 * Calls `stop` at the first SIGINT or SIGTERM. A later one, which comes from somebody who does not want to wait, ends
 * the process at once with status 1. Returns what takes the handlers away.
 */
export function onStopSignal(stop: () => void): () => void {
  let stoppedAt: number | null = null;
  const handle = () => {
    if (stoppedAt === null) {
      stoppedAt = performance.now();
      stop();
    } else if (performance.now() - stoppedAt > SAME_SIGNAL_MS) {
      process.exit(1);
    }
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  return () => {
    process.off("SIGINT", handle);
    process.off("SIGTERM", handle);
  };
}
