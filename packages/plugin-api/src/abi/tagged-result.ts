import type { AspenError } from "../aspen-error.js";
import { RESULT_ERROR } from "./tags.js";
import { encodeUtf8 } from "./utf8.js";

/** A host function's result on the wire: its tag, then the bytes that go with it. */
export function taggedResult(tag: number, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + bytes.length);
  out[0] = tag;
  out.set(bytes, 1);
  return out;
}

/** The result that tells the guest of an error: code, message and details. */
export function errorResult(error: AspenError): Uint8Array {
  return taggedResult(RESULT_ERROR, encodeUtf8(JSON.stringify(error)));
}
