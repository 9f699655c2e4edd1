import { cut, encodeUtf8 } from "@aspen/plugin-api";
import { type Caller, LOCAL_CALLER } from "@aspen/rpc-core";
import { jobsErrors } from "./errors.js";

/** Of a caller as JSON, with its grants: a token's fit in. */
const CALLER_BYTES = 32 * 1024;
const SUBMITTER_CHARACTERS = 256;
const LOCAL = JSON.stringify(LOCAL_CALLER);
/**
 * What a job keeps of who submitted it: nothing of who may do everything here, as most may. Which plugins had called each
 * other is left out: nobody waits for a job as for an answer.
 *
 * @throws AspenError `INVALID_PARAMS` when it is too large to be kept
 */
export function keptCaller(caller: Caller | undefined): Caller | undefined {
  if (caller === undefined || caller === LOCAL_CALLER) return undefined;
  const { kind, id, grants, token } = caller;
  const { methods, kvPrefixes } = grants;
  const kept: Caller = { kind, id, grants: { methods, kvPrefixes }, ...(token === undefined ? {} : { token }) };
  const text = JSON.stringify(kept);
  if (text === LOCAL) return undefined;
  const bytes = encodeUtf8(text).length;
  if (bytes > CALLER_BYTES) {
    throw jobsErrors.invalid("caller", `is granted ${bytes} bytes of JSON; at most ${CALLER_BYTES} are kept`);
  }
  return kept;
}

/** Who asks, as people are shown it; at most 256 characters. */
export function submitterOf({ kind, id }: Pick<Caller, "kind" | "id">): string {
  return cut(kind === "local" ? kind : `${kind}:${id}`, SUBMITTER_CHARACTERS);
}
