import { AspenError, ERROR_TABLE, type ErrorCode, isAspenError } from "../../src/index.js";

/** A plugin may have codes of its own; the table has only the project's. */
export const own = new AspenError("CART_EMPTY", "the cart is empty", { cart: 7 });
export const code: ErrorCode = "KV_KEY_INVALID";
// @ts-expect-error it is not in the table
export const unknownCode: ErrorCode = "CART_EMPTY";
// @ts-expect-error the message is missing
new AspenError("CART_EMPTY");
// @ts-expect-error details are an object
new AspenError("CART_EMPTY", "the cart is empty", "cart 7");
// @ts-expect-error a code is never changed
own.code = "CART_FULL";

/** What was thrown is unknown until it is asked. */
export function codeOf(thrown: unknown): string {
  // @ts-expect-error it may be anything
  if (thrown.code) return "";
  return isAspenError(thrown) ? thrown.code : AspenError.from(thrown, "INTERNAL").code;
}
export const exit: number = ERROR_TABLE[code].exit;
// @ts-expect-error a fallback is a code of the table
AspenError.fromJSON({}, "CART_EMPTY");
