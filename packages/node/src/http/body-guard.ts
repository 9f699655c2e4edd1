import type { IncomingMessage } from "node:http";

/**
 * Keeps the body of a request that somebody else reads within `maxBytes`; nothing beyond them reaches the reader, and
 * `onOver` is called. A reader that gives up ends only its reading: the connection stays for the answer, and what the
 * client still sends is thrown away.
 */
export function guardBody(request: IncomingMessage, maxBytes: number | null, onOver: () => void): void {
  let bytes = 0;
  let over = false;
  // Where Node's parser leaves what has arrived; counting by an event would make the stream flow.
  const push = request.push.bind(request);
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (request.destroyed || over) return true;
    bytes += chunk?.length ?? 0;
    if (chunk === null || maxBytes === null || bytes <= maxBytes) return push(chunk, encoding);
    over = true;
    onOver();
    return true;
  };
  // Node's own closes the connection. What was held back is read on, to be thrown away.
  request._destroy = (error, callback) => {
    request._read(0);
    callback(error);
  };
  // Without a listener, an error that ends the reading would end the process.
  request.on("error", () => {});
}
