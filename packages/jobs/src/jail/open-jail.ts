import { BwrapJail } from "./bwrap-jail.js";
import type { Jail } from "./contract.js";
import { type JailOptions, normalJailOptions } from "./jail-options.js";
import { NoJail } from "./no-jail.js";

/**
 * @throws AspenError `INVALID_PARAMS`; `TOOL_MISSING` when a program is missing that a jail is made with;
 * `JAIL_UNAVAILABLE` when the system does not let it make one
 */
export async function openJail(options: JailOptions = {}): Promise<Jail> {
  const normal = normalJailOptions(options);
  return normal.jail === "none" ? NoJail.open(normal.workFolder) : BwrapJail.open(normal);
}
