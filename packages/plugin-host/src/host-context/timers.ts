import { LIMITS } from "@aspen/plugin-api/abi";
import type { TimerRequest } from "../background/plugin-timers.js";
import { hostErrors } from "../errors.js";
import { defineHostFunction } from "./host-function.js";
import { optional, recordArg, stringArg } from "./parameters.js";

const FIELDS = new Set(["everyMs", "cron", "timeZone", "at", "payload", "catchUp", "jitterMs"]);
const NAME = /^[A-Za-z0-9_.-]+$/;

export const timersSet = defineHostFunction<{ name: string; request: TimerRequest }>({
  prepare(_scope, args) {
    const name = nameOf(args);
    const given = recordArg(args, 1, "timer");
    for (const field of Object.keys(given)) {
      if (!FIELDS.has(field)) throw hostErrors.invalidArgument(field, "is no field of a timer");
    }
    const { payload = null } = given;
    if (Buffer.byteLength(JSON.stringify(payload)) > LIMITS.timerPayloadBytes) {
      throw hostErrors.parameterTooLarge("payload", JSON.stringify(payload).length, LIMITS.timerPayloadBytes);
    }
    const everyMs = whole(given, "everyMs", LIMITS.timerLeastMs);
    const at = whole(given, "at", 0);
    const cron = optional(given.cron, "string", "cron");
    const timeZone = optional(given.timeZone, "string", "timeZone");
    if ([everyMs, at, cron].filter((one) => one !== undefined).length !== 1) {
      throw hostErrors.invalidArgument("timer", "needs one of everyMs, cron and at");
    }
    if (timeZone !== undefined && cron === undefined) {
      throw hostErrors.invalidArgument("timeZone", "belongs to a cron");
    }
    const request: TimerRequest = { everyMs, at, cron, timeZone, payload, catchUp: whole(given, "catchUp", 0) };
    return { name, request: { ...request, jitterMs: whole(given, "jitterMs", 0) } };
  },
  async run({ timers }, { name, request }) {
    await timers.set(name, request);
    return undefined;
  },
});

export const timersCancel = defineHostFunction<string>({
  prepare: (_scope, args) => nameOf(args),
  run: ({ timers }, name) => timers.cancel(name),
});

export const timersList = defineHostFunction<null>({
  prepare: () => null,
  run: async ({ timers }) => JSON.stringify(await timers.list()),
});

function nameOf(args: readonly (Uint8Array | null)[]): string {
  const name = stringArg(args, 0, "name");
  if (name.length > LIMITS.timerNameCharacters || !NAME.test(name)) {
    throw hostErrors.invalidArgument(
      "name",
      `must be 1 to ${LIMITS.timerNameCharacters} letters, digits, "_", "-" and "."`,
    );
  }
  return name;
}

function whole(given: Record<string, unknown>, field: string, least: number): number | undefined {
  const value = optional(given[field], "number", field);
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= least)) {
    throw hostErrors.invalidArgument(field, `must be a whole number, at least ${least.toLocaleString("en")}`);
  }
  return value;
}
