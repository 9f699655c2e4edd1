import assert from "node:assert/strict";
import { type ErrorCode, isAspenError } from "@aspen/plugin-api/abi";

/** Fails unless the promise rejects with an `AspenError` of this code. */
export async function rejectsWith(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isAspenError(error), `expected an AspenError, got ${error}`);
    assert.equal(error.code, code, error.message);
    return true;
  });
}
