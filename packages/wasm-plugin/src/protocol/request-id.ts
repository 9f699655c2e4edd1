/** Characters of a request id that a log line has. */
const ID_MAX = 128;
/** Bytes at the beginning of an input among which its request id is looked for. */
const HEAD_BYTES = 1024;
const HEAD = /^\{"requestId":("(?:[^"\\]|\\.)*")/;

/** The id of a request, with which its input begins, cut; undefined for any other input. */
export function requestIdOf(input: Uint8Array): string | undefined {
  const head = Buffer.from(input.buffer, input.byteOffset, Math.min(input.length, HEAD_BYTES)).toString("utf8");
  const found = HEAD.exec(head)?.[1];
  return found === undefined ? undefined : shortId(JSON.parse(found));
}

/** What a worker says is a request id, made safe for a log line. */
export function shortId(id: unknown): string | undefined {
  return typeof id === "string" ? id.slice(0, ID_MAX) : undefined;
}
