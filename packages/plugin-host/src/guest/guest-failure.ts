import { AspenError } from "@aspen/plugin-api/abi";
import { callErrors } from "../errors.js";

/** Characters of a plugin's error message, and of its details as JSON, that reach the caller. */
const MESSAGE_MAX = 4096;
const DETAILS_MAX = 65_536;
/** Characters of a plugin's stack, and of its causes, in the log. */
const STACK_MAX = 3000;

/** What a plugin said of an error, parsed: `GuestErrorJson`, of which nobody has checked a field. */
export type GuestFailure = Readonly<Record<string, unknown>>;

/** The error that the caller of a plugin gets: of the plugin's own code, or `PLUGIN_TRAP` when it has none. */
export function errorOfGuest(plugin: string, failure: GuestFailure): AspenError {
  const { code, message } = failure;
  const short = typeof message === "string" ? message.slice(0, MESSAGE_MAX) : "an error without a message";
  if (code === undefined) return callErrors.trap(plugin, short);
  const known = AspenError.fromJSON({ ...failure, message: short }, "PLUGIN_TRAP");
  if (JSON.stringify(known.details ?? null).length <= DETAILS_MAX) return known;
  return new AspenError(known.code, short, { omitted: `details over ${DETAILS_MAX} characters` });
}

/** What a plugin's error says for the log alone. */
export function logFieldsOf({ stack, causes }: GuestFailure): { stack?: string; causes?: string } {
  return {
    ...(typeof stack === "string" ? { stack: stack.slice(0, STACK_MAX) } : {}),
    ...(typeof causes === "string" ? { causes: causes.slice(0, STACK_MAX) } : {}),
  };
}
