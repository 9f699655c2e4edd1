import { randomBytes } from "node:crypto";
import { LIMITS } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import { defineHostFunction, LOCAL_UNAVAILABLE } from "./host-function.js";
import { jsonArg } from "./parameters.js";

export const clockNow = defineHostFunction<null>({
  prepare: () => null,
  run: async ({ clock = Date }) => Math.floor(clock.now()),
  runLocally: ({ clock }) => (clock ? Math.floor(clock.now()) : LOCAL_UNAVAILABLE),
});

export const randomBytesCall = defineHostFunction<number>({
  prepare(_scope, args) {
    const length = jsonArg(args, 0, "length");
    if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0 || length > LIMITS.randomBytes) {
      throw hostErrors.invalidArgument("length", `must be a whole number from 0 to ${LIMITS.randomBytes}`);
    }
    return length;
  },
  run: async (_services, length) => new Uint8Array(randomBytes(length)),
  runLocally: (_services, length) => new Uint8Array(randomBytes(length)),
});

export const configGet = defineHostFunction<null>({
  prepare: () => null,
  run: async (_services, _prepared, { config }) => JSON.stringify(config),
  runLocally: (_services, _prepared, { config }) => JSON.stringify(config),
});
