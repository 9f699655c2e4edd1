import { hostErrors } from "../errors.js";
import type { PluginHttpRequest } from "../plugin-http.js";
import { defineHostFunction } from "./host-function.js";
import { envelopeArg, jsonArg, optional, stringArg } from "./parameters.js";
import { stateOf } from "./plugin-call.js";

const FIELDS = new Set(["method", "headers", "redirect", "timeoutMs", "bodyLength"]);
const REDIRECTS = ["follow", "error", "manual"] as const;

/** Bytes of a handle as JSON. */
const HANDLE_BYTES = 32;

type Args = readonly (Uint8Array | null)[];

export const httpOpen = defineHostFunction<PluginHttpRequest>({
  prepare(_scope, args) {
    const url = stringArg(args, 0, "url");
    const { header, attachments } = envelopeArg(args, 1, "request");
    for (const field of Object.keys(header)) {
      if (!FIELDS.has(field)) throw hostErrors.invalidArgument(field, "is no field of an HTTP request");
    }
    const { headers = [], bodyLength } = header;
    if (!Array.isArray(headers) || !headers.every(isPair)) {
      throw hostErrors.invalidArgument("headers", "must be a list of names and values");
    }
    const redirect = optional(header.redirect, "string", "redirect") ?? "follow";
    const known = REDIRECTS.find((one) => one === redirect);
    if (!known) throw hostErrors.invalidArgument("redirect", `must be one of ${REDIRECTS.join(", ")}`);
    const timeoutMs = optional(header.timeoutMs, "number", "timeoutMs");
    if (timeoutMs !== undefined && !(Number.isSafeInteger(timeoutMs) && timeoutMs >= 1)) {
      throw hostErrors.invalidArgument("timeoutMs", "must be a whole number of milliseconds, at least 1");
    }
    if (bodyLength !== undefined && bodyLength !== attachments.length) {
      throw hostErrors.invalidArgument("bodyLength", "must be the length of what is attached");
    }
    return {
      url,
      method: optional(header.method, "string", "method"),
      headers,
      redirect: known,
      timeoutMs,
      body: bodyLength === undefined ? undefined : attachments,
    };
  },
  cost: () => ({ requests: 1 }),
  async run({ http }, request, _scope, call) {
    const state = stateOf(call, "http_open");
    const { handle, answer } = await state.open(() => http.open(request, call, state.signal));
    const { status, url, headers } = answer;
    return JSON.stringify({ handle, status, url, headers });
  },
});

export const httpRead = defineHostFunction<number>({
  prepare: (_scope, args) => handleOf(args),
  run: (_services, handle, _scope, call) => stateOf(call, "http_read").read(handle),
});

export const httpClose = defineHostFunction<number>({
  prepare: (_scope, args) => handleOf(args),
  async run(_services, handle, _scope, call) {
    stateOf(call, "http_close").close(handle);
    return undefined;
  },
});

function handleOf(args: Args): number {
  const handle = jsonArg(args, 0, "handle", HANDLE_BYTES);
  if (typeof handle !== "number") throw hostErrors.invalidArgument("handle", "must be a number");
  return handle;
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "string");
}
