import { JsonBytes } from "@aspen/rpc-core";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** What JSON calls white space. */
const SPACE = new Set([0x20, 0x0a, 0x0d, 0x09]);

/** The params in a request's body, as they came; `{}` for a blank one. A byte order mark is no part of them. */
export function bodyParams(body: Uint8Array): JsonBytes | Record<string, never> {
  const marked = BYTE_ORDER_MARK.every((byte, index) => body[index] === byte);
  const bytes = marked ? body.subarray(BYTE_ORDER_MARK.length) : body;
  return bytes.every((byte) => SPACE.has(byte)) ? {} : new JsonBytes(bytes);
}

/** The body of the answer that has this result. */
export function resultBody(result: unknown): string | Buffer {
  if (!(result instanceof JsonBytes)) return JSON.stringify(result ?? null);
  const { buffer, byteOffset, byteLength } = result.bytes;
  return Buffer.from(buffer, byteOffset, byteLength);
}
