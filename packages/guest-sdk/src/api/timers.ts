import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCallExpecting } from "../guest/host-call.js";

/** When a timer ticks, and what `onTimer` gets with each tick. Times are milliseconds. */
export type TimerDefinition = (
  | { everyMs: number }
  /** Five fields, or six with the second first. @default time zone "UTC" */
  | { cron: string; timeZone?: string }
  /** Once, at this time since the Unix epoch; at the earliest in a second. */
  | { at: number }
) & {
  /** Anything that JSON holds, at most 4 KiB. @default null */
  payload?: unknown;
  /** How many of the ticks that were missed are run, the newest ones; to 1,000. @default 1 */
  catchUp?: number;
  /** The ticks are spread over so many milliseconds by the timer's name. @default 0 */
  jitterMs?: number;
};

/** A timer that is not over. */
export interface Timer {
  name: string;
  /** Whether plugin.json has it, or `timers.set` made it. */
  origin: "manifest" | "set";
  everyMs?: number;
  cron?: string;
  timeZone?: string;
  at?: number;
  payload: unknown;
  catchUp: number;
  jitterMs: number;
  /** Scheduled time of the last tick; null before. */
  lastAt: number | null;
  nextAt: number;
}

/**
 * Timers of the plugin, which all nodes share and the store keeps; `onTimer` is called with each tick, on one of them.
 * Needs `timers`.
 */
export const timers = {
  /**
   * Adds a timer or changes it. With the schedule that it has it goes on; with another it begins now. A plugin has at most 64
   * that are not over.
   *
   * @param name 1 to 64 letters, digits, `_`, `-` and `.`
   * @throws AspenError `TOO_MANY_TIMERS`, `SCHEDULE_INVALID`, `INVALID_PARAMS`, `PAYLOAD_TOO_LARGE`, `PERMISSION_DENIED`
   */
  async set(name: string, definition: TimerDefinition): Promise<void> {
    await hostCallExpecting("timers_set", name, JSON.stringify(definition));
  },

  /** True when `timers.set` had made such a timer; those of plugin.json stay. @throws AspenError `PERMISSION_DENIED` */
  async cancel(name: string): Promise<boolean> {
    return (await hostCallExpecting("timers_cancel", name))[0] === 1;
  },

  /** Those that are not over. @throws AspenError `PERMISSION_DENIED` */
  async list(): Promise<Timer[]> {
    return JSON.parse(decodeUtf8(await hostCallExpecting("timers_list"))) as Timer[];
  },
};
