import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/**
 * What a client still sends after it was answered is read and thrown away within these bounds. A connection with unread
 * data that is closed at once is reset, and its client may never see the answer.
 */
const LINGER = {
  /** Most bytes. */
  bytes: 128 * 1024 * 1024,
  /** Longest time in all, in milliseconds. */
  totalMs: 10_000,
  /** Longest time without a byte, in milliseconds. */
  silentMs: 2000,
  /** Time between two looks, in milliseconds. */
  lookMs: 20,
} as const;

/** True while a part of the request has not arrived. */
export function isArriving({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false;
  // Node calls a request complete only after its handler was called, one without a body too.
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Throws a body away that came along with its head: with it the request is whole, and its connection can be kept. */
export async function skipShortBody(request: IncomingMessage): Promise<void> {
  if (!isArriving(request)) return;
  await new Promise<void>((resolve) => {
    request.once("end", resolve);
    setImmediate(resolve);
    request.resume();
  });
}

/** Throws the rest of a request away; resolves when it has arrived, its client is gone, or the bounds are reached. */
export function discardRest(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    // A mount may have ended its reading, and with it the request's events.
    const unwatch = watch(request.socket, end, () => request.complete);
    function end() {
      unwatch();
      request.off("end", end);
      request.off("close", end);
      resolve();
    }
    request.once("end", end);
    request.once("close", end);
    request.resume();
  });
}

/** Ends a connection after what was written to it: reads until the client ends it, too, or the bounds are reached. */
export function endGently(socket: Socket, lastWords?: string): void {
  if (lastWords === undefined) socket.end();
  else socket.end(lastWords);
  socket.resume();
  const unwatch = watch(socket, () => socket.destroy());
  socket.once("close", unwatch);
  // A client that is gone meanwhile is what is waited for; the error is followed by "close".
  socket.on("error", () => {});
}

/** Calls `over` when the bounds are reached, or there is nothing left to wait for. */
function watch(socket: Socket, over: () => void, isDone = () => false): () => void {
  const begun = { at: performance.now(), bytes: socket.bytesRead };
  let last = begun;
  const timer = setInterval(() => {
    const now = { at: performance.now(), bytes: socket.bytesRead };
    if (now.bytes !== last.bytes) last = now;
    const { bytes, totalMs, silentMs } = LINGER;
    if (isDone()) return over();
    if (now.bytes - begun.bytes > bytes || now.at - begun.at > totalMs || now.at - last.at > silentMs) over();
  }, LINGER.lookMs);
  return () => clearInterval(timer);
}
