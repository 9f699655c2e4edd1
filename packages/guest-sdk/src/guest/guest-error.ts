import { type GuestErrorJson, isErrorClass } from "@aspen/plugin-api/abi";
import { causesOf, describeValue, headline, isError, messageOf, nameOf, read, textOf } from "./describe-error.js";
import { writable } from "./shown.js";

const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;
/** Most characters of a message that leave the guest; the host cuts it further. */
const MESSAGE_MAX = 8192;
/** Most characters of a stack, and of the description of causes, that leave the guest. */
const STACK_MAX = 2800;

/** What a thrown value becomes on its way to the host. Never throws. */
export function guestErrorJson(thrown: unknown): GuestErrorJson {
  if (typeof thrown === "object" && thrown !== null && !isError(thrown)) return plainObject(thrown);
  if (!isError(thrown)) return { message: `threw ${describeValue(thrown)}` };
  const name = nameOf(thrown);
  const message = messageOf(thrown, MESSAGE_MAX);
  const json: GuestErrorJson = { message: message || name };
  const stack = textOf(read(thrown, "stack"), STACK_MAX);
  if (stack) json.stack = `${headline(thrown).slice(0, 512)}\n${stack}`;
  const code = codeOf(thrown);
  // How QuickJS reports that malloc failed; the object itself carries nothing else.
  if (name === "InternalError" && message === "out of memory") json.code = "PLUGIN_OUT_OF_MEMORY";
  else if (code !== undefined) json.code = code;
  else json.message = `${name}: ${message}`;
  const errorClass = read(thrown, "class");
  if (isErrorClass(errorClass)) json.class = errorClass;
  const details = jsonDetails(read(thrown, "details"));
  if (details) json.details = details;
  const causes = causesOf(thrown);
  if (causes) json.causes = causes.slice(0, STACK_MAX);
  return json;
}

/** `throw { code, message }`: the error that the object describes. */
function plainObject(thrown: object): GuestErrorJson {
  const message = read(thrown, "message");
  if (typeof message !== "string" || message === "") return { message: `threw ${describeValue(thrown)}` };
  const json: GuestErrorJson = { message: message.slice(0, MESSAGE_MAX) };
  const code = codeOf(thrown);
  if (code !== undefined) json.code = code;
  const errorClass = read(thrown, "class");
  if (isErrorClass(errorClass)) json.class = errorClass;
  const details = jsonDetails(read(thrown, "details"));
  if (details) json.details = details;
  const cause = read(thrown, "cause");
  if (cause !== undefined) json.causes = causesOf(new Error("", { cause })).slice(0, STACK_MAX);
  return json;
}

function codeOf(thrown: object): string | undefined {
  const code = read(thrown, "code");
  return typeof code === "string" && CODE.test(code) ? code : undefined;
}

/** An object as in JSON. What JSON refuses in it, such as a circle, is written as text. */
function jsonDetails(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  try {
    const details: unknown = JSON.parse(JSON.stringify(value, writable()) ?? "null");
    return typeof details === "object" && details !== null ? (details as Record<string, unknown>) : undefined;
  } catch {
    // It has a getter or a toJSON that throws.
    return { problem: "the details could not be read" };
  }
}
