import { exactJson, guestCaller } from "@aspen/plugin-host";
import { type Caller, JsonBytes } from "@aspen/rpc-core";
import type { GuestInput } from "./protocol/guest-input.js";

const END = Buffer.from("}");

/**
 * Input of `handle_request`. The params come last, as they are when they are bytes.
 *
 * @throws AspenError `INVALID_PARAMS` when a value has a number that JSON cannot hold
 */
export function guestRequest(requestId: string, method: string, params: unknown, caller: Caller): GuestInput {
  const who = JSON.stringify(guestCaller(caller));
  const start = `{"requestId":${JSON.stringify(requestId)},"method":${JSON.stringify(method)},"caller":${who},"params":`;
  if (!(params instanceof JsonBytes)) return `${start}${exactJson(params ?? null)}}`;
  const head = Buffer.from(start);
  return { bytes: Buffer.concat([head, params.bytes, END]), paramsAt: head.length };
}
