import type { GuestErrorJson } from "@aspen/plugin-api/abi";

const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** What a thrown value becomes on its way to the host. */
export function guestErrorJson(thrown: unknown): GuestErrorJson {
  if (!(thrown instanceof Error)) return { message: `threw ${describe(thrown)}` };
  const { name, message, stack } = thrown;
  const { code, details } = thrown as { code?: unknown; details?: unknown };
  const json: GuestErrorJson = { message: message || name };
  if (stack) json.stack = `${name}: ${message}\n${stack}`;
  // How QuickJS reports that malloc failed; the object itself carries nothing else.
  if (name === "InternalError" && message === "out of memory") json.code = "PLUGIN_OUT_OF_MEMORY";
  else if (typeof code === "string" && CODE.test(code)) json.code = code;
  else json.message = `${name}: ${message}`;
  if (isJsonObject(details)) json.details = details;
  return json;
}

function describe(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value.slice(0, 1024))
    : `a ${value === null ? "null" : typeof value}`;
}

function isJsonObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    // A cycle or a BigInt: the error goes without its details.
    return false;
  }
}
