import { AspenError, isNodeCode } from "@aspen/plugin-api/abi";
import { callErrors } from "../errors.js";

/** Characters of a plugin's error message, and of its details as JSON, that reach the caller. */
const MESSAGE_MAX = 4096;
const DETAILS_MAX = 65_536;
/** Characters of a plugin's stack, and of its causes, in the log. */
const STACK_MAX = 3000;

/** What a plugin said of an error, parsed: `GuestErrorJson`, of which nobody has checked a field. */
export type GuestFailure = Readonly<Record<string, unknown>>;

/**
 * The error that the caller of a plugin gets: of the plugin's own code, or `PLUGIN_TRAP` when it has none, or says one of
 * the node's that the host did not give it.
 *
 * @param given the codes that the plugin's call got from the host
 */
export function errorOfGuest(plugin: string, failure: GuestFailure, given?: ReadonlySet<string>): AspenError {
  const { code, message } = failure;
  const short = typeof message === "string" ? message.slice(0, MESSAGE_MAX) : "an error without a message";
  if (code === undefined) return callErrors.trap(plugin, short);
  if (typeof code === "string" && isNodeCode(code) && !given?.has(code)) return callErrors.claimed(plugin, code, short);
  const known = AspenError.fromJSON({ ...failure, message: short }, "PLUGIN_TRAP");
  if (JSON.stringify(known.details ?? null).length <= DETAILS_MAX) return known;
  const details = { omitted: `details over ${DETAILS_MAX} characters` };
  return new AspenError(known.code, short, details, undefined, known.class);
}

/** What a plugin's error says for the log alone. */
export function logFieldsOf({ stack, causes }: GuestFailure): { stack?: string; causes?: string } {
  return {
    ...(typeof stack === "string" ? { stack: stack.slice(0, STACK_MAX) } : {}),
    ...(typeof causes === "string" ? { causes: causes.slice(0, STACK_MAX) } : {}),
  };
}
