import type { IncomingHttpHeaders } from "node:http";
import { decodeUtf8, isAspenError, LIMITS } from "@aspen/plugin-api";
import { type Caller, LOCAL_CALLER } from "@aspen/rpc-core";
import { z } from "zod";
import { nodeErrors } from "../errors.js";

/** Headers with which a node passes a request on, beside `x-request-id`. */
export const FORWARD = {
  /** Ids of the nodes that have passed it on, the first one first, with commas between. */
  via: "x-aspen-via",
  /** Milliseconds that are left until the caller's deadline. Any client may send it. */
  timeoutMs: "x-aspen-timeout-ms",
  /** The caller as JSON in base64url. */
  caller: "x-aspen-caller",
} as const;

/** Most bytes of a caller in a header: Node reads 16 KiB of headers. */
const CALLER_BYTES_MAX = 8 * 1024;
/** Most nodes that a request may have come by. */
const VIA_MAX = 16;
const NODE_ID = /^[A-Za-z0-9._-]{1,128}$/;

const texts = z.array(z.string().max(1024)).max(1000);
const callerSchema = z.strictObject({
  kind: z.enum(["local", "token", "plugin", "node", "anonymous"]),
  id: z.string().max(256),
  grants: z.strictObject({ methods: texts, kvPrefixes: texts }),
  through: z.array(z.string().max(64)).max(LIMITS.rpcDepth).optional(),
  token: z.string().max(256).optional(),
}) as z.ZodType<Caller>;

/** What a forwarded request says of itself. */
export interface Forwarded {
  caller: Caller | null;
  via: readonly string[];
  timeoutMs: number | null;
}

/** Null when the caller's grants are too many for a header. */
export function forwardHeaders({
  caller,
  via,
  timeoutMs,
}: {
  caller: Caller;
  via: readonly string[];
  timeoutMs: number;
}) {
  const text = textOf(caller);
  if (text.length > CALLER_BYTES_MAX) return null;
  return { [FORWARD.via]: via.join(","), [FORWARD.timeoutMs]: String(Math.ceil(timeoutMs)), [FORWARD.caller]: text };
}

/** The one caller of everybody who has no token need not be written anew for each request. */
const LOCAL_TEXT = encodedCaller(LOCAL_CALLER);

function textOf(caller: Caller): string {
  return caller === LOCAL_CALLER ? LOCAL_TEXT : encodedCaller(caller);
}

function encodedCaller(caller: Caller): string {
  return Buffer.from(JSON.stringify(caller)).toString("base64url");
}

/** @throws AspenError `INVALID_PARAMS` when one of the headers is not as it must be */
export function forwardedBy(headers: IncomingHttpHeaders): Forwarded {
  const { [FORWARD.via]: via, [FORWARD.timeoutMs]: timeout, [FORWARD.caller]: caller } = headers;
  return {
    via: via === undefined ? [] : nodesOf(String(via)),
    timeoutMs: timeout === undefined ? null : msOf(String(timeout)),
    caller: caller === undefined ? null : callerOf(String(caller)),
  };
}

function nodesOf(text: string): string[] {
  const nodes = text.split(",");
  if (nodes.length > VIA_MAX || !nodes.every((id) => NODE_ID.test(id))) {
    throw nodeErrors.badRequest(`its header ${FORWARD.via} does not name nodes`);
  }
  return nodes;
}

function msOf(text: string): number {
  if (!/^\d{1,10}$/.test(text))
    throw nodeErrors.badRequest(`its header ${FORWARD.timeoutMs} is no number of milliseconds`);
  return Number(text);
}

function callerOf(text: string): Caller {
  try {
    if (text.length > CALLER_BYTES_MAX) throw nodeErrors.badRequest(`its header ${FORWARD.caller} is too long`);
    if (text === LOCAL_TEXT) return LOCAL_CALLER;
    return callerSchema.parse(JSON.parse(decodeUtf8(Buffer.from(text, "base64url"))));
  } catch (error) {
    if (isAspenError(error)) throw error;
    throw nodeErrors.badRequest(`its header ${FORWARD.caller} does not hold a caller`);
  }
}
