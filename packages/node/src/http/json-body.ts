import { JsonBytes } from "@aspen/rpc-core";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** The params in a request's body, as they came; `{}` for a blank one. A byte order mark is no part of them. */
export function bodyParams(body: Uint8Array): JsonBytes | Record<string, never> {
  const marked = BYTE_ORDER_MARK.every((byte, index) => body[index] === byte);
  const bytes = marked ? body.subarray(BYTE_ORDER_MARK.length) : body;
  return isBlank(bytes) ? {} : new JsonBytes(bytes);
}

/** A plain loop: with a callback for each byte, a body of blanks would hold everybody up for seconds. */
function isBlank(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]!;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}

/** The body of the answer that has this result. @throws Error when it is no JSON value, a defect of the method's */
export function resultBody(method: string, result: unknown): string | Buffer {
  if (!(result instanceof JsonBytes)) {
    const text = JSON.stringify(result ?? null) as string | undefined;
    if (text === undefined)
      throw new TypeError(`the result of ${method} is a ${typeof result}, which JSON cannot hold`);
    return text;
  }
  const { buffer, byteOffset, byteLength } = result.bytes;
  return Buffer.from(buffer, byteOffset, byteLength);
}
