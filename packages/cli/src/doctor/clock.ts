import type { Clock } from "@aspen/plugin-api";
import { type Finding, ok, problem, warning } from "./finding.js";

/** Nothing of this program is older: a clock before it was never set. */
const BORN = Date.UTC(2025, 0, 1);
/** Milliseconds of difference that somebody should know of, and that break things: expiries, tokens, schedules. */
const SKEW_WARNING_MS = 1000;
const SKEW_PROBLEM_MS = 5000;
const FIX =
  "keep the clocks with NTP: `timedatectl set-ntp true`, or chronyd; in a virtual machine also that of its host";

/** Whether the clock of this machine was set at all. */
export async function checkClock(clock: Clock): Promise<Finding[]> {
  const now = clock.now();
  const shown = Number.isFinite(now) ? new Date(now).toISOString() : String(now);
  if (now > BORN) return [ok("clock", `it is ${shown} on this machine`)];
  return [problem("clock", `the clock of this machine was never set: it says ${shown}`, FIX)];
}

/**
 * The difference to the clock of something else, such as a server.
 *
 * @param aheadMs milliseconds by which the other is ahead; `errorMs` by how much that may be wrong
 */
export function clockDifference(whose: string, aheadMs: number, errorMs: number): Finding {
  const least = Math.max(0, Math.abs(aheadMs) - errorMs);
  const text = `the clock of ${whose} is ${(Math.abs(aheadMs) / 1000).toFixed(3)} s ${aheadMs < 0 ? "behind" : "ahead of"} that of this machine`;
  if (least >= SKEW_PROBLEM_MS) return problem("clock", text, FIX);
  if (least >= SKEW_WARNING_MS) return warning("clock", text, FIX);
  return ok("clock", text);
}
