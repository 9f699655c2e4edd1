import { randomUUID } from "node:crypto";
import { JsonBytes, rpcErrors } from "@aspen/rpc-core";
import type { GuestInput } from "./protocol/guest-input.js";

const END = Buffer.from("}");

/**
 * Input of `handle_request`. The params come last, as they are when they are bytes.
 *
 * @throws AspenError `INVALID_PARAMS` when a value has a number that JSON cannot hold
 */
export function guestRequest(requestId: string, method: string, params: unknown): GuestInput {
  if (!(params instanceof JsonBytes)) return written({ requestId, method, params: params ?? null });
  const head = Buffer.from(`{"requestId":${JSON.stringify(requestId)},"method":${JSON.stringify(method)},"params":`);
  return { bytes: Buffer.concat([head, params.bytes, END]), paramsAt: head.length };
}

/** JSON with the numbers as they are: `JSON.stringify` makes 0 of -0 and null of what is not finite. */
function written(request: { requestId: string; method: string; params: unknown }): string {
  if (!hasNegativeZero(request.params)) return JSON.stringify(request);
  const mark = randomUUID();
  const text = JSON.stringify(request, (_key, value) => (Object.is(value, -0) ? mark : value));
  return text.replaceAll(`"${mark}"`, "-0");
}

/** @throws AspenError `INVALID_PARAMS` for a number that is not finite */
function hasNegativeZero(value: unknown): boolean {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw rpcErrors.notFinite(value);
    return Object.is(value, -0);
  }
  if (typeof value !== "object" || value === null || "toJSON" in value) return false;
  let found = false;
  for (const part of Object.values(value)) if (hasNegativeZero(part)) found = true;
  return found;
}
