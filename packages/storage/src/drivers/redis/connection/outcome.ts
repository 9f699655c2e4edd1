import { isReply, type TrackedCommand } from "./tracked-command.js";

/** What is known of a command that failed. */
export type Outcome =
  /** A server refused it, and would again. */
  | "refused"
  /** It was not applied, and may succeed when it is tried again. */
  | "not applied"
  | "unknown";

/** Passing refusals: of a demoted primary, while data is loaded, while a slot moves, without enough replicas, … */
const PASSING = /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS|BUSY)\b/;

export function outcomeOf(error: unknown, command: TrackedCommand): Outcome {
  if (isReply(error)) return PASSING.test(error.message) ? "not applied" : "refused";
  return command.written ? "unknown" : "not applied";
}

/** True when a server does not let the user in: a missing, wrong or needless password, or an unknown user. */
export function isAccessDenied(error: unknown): boolean {
  return (
    isReply(error) &&
    /^(?:WRONGPASS|NOAUTH|NOPERM|DENIED|ERR (?:AUTH|Client sent AUTH|invalid password))\b/.test(error.message)
  );
}

/** True when the server became a replica, so the new primary has to be found. */
export function isDemoted(error: unknown): boolean {
  return isReply(error) && error.message.startsWith("READONLY");
}

/** True when the server has no memory left and refuses the command; nothing was applied. */
export function isOutOfMemory(error: unknown): boolean {
  return isReply(error) && error.message.startsWith("OOM ");
}

/** True when the server does not have a script any more. */
export function isScriptMissing(error: unknown): boolean {
  return isReply(error) && error.message.startsWith("NOSCRIPT");
}
