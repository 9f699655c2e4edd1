/** Characters of a request id that a log line has. */
const ID_MAX = 128;
/** The request id is looked for in so many bytes at the beginning of an input. */
const HEAD_BYTES = 1024;
const HEAD = /^\{"requestId":("(?:[^"\\]|\\.)*")/;

/** The id of a request, with which its input begins, cut to 128 characters. Undefined for any other input. */
export function requestIdOf(input: Uint8Array): string | undefined {
  const head = Buffer.from(input.buffer, input.byteOffset, Math.min(input.length, HEAD_BYTES)).toString("utf8");
  const found = HEAD.exec(head)?.[1];
  return found === undefined ? undefined : shortId(JSON.parse(found));
}

/** A request id from a worker, made safe for a log line. */
export function shortId(id: unknown): string | undefined {
  return typeof id === "string" ? id.slice(0, ID_MAX) : undefined;
}
