/** `structuredClone`, evaluated before a plugin that names it. */
import { deserialize, serialize } from "@ungap/structured-clone";

/** What the standard copies and the library does not, besides what cannot be copied. */
function copied<T>(value: T): T {
  try {
    return deserialize(serialize(value)) as T;
  } catch (error) {
    const { message } = error as Error;
    throw error instanceof TypeError ? new DOMException(message, "DataCloneError") : error;
  }
}

Object.defineProperty(globalThis, "structuredClone", {
  value: copied,
  writable: true,
  configurable: true,
  enumerable: false,
});
