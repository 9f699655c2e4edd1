import { randomBytes } from "node:crypto";
import { LIMITS } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import { defineImmediate } from "./host-function.js";
import { jsonArg } from "./parameters.js";

const noParameters = () => null;

export const clockNow = defineImmediate(noParameters, (_nothing, _scope, clock) => Math.floor(clock.now()));

export const randomBytesCall = defineImmediate<number>(
  (_scope, args) => {
    const length = jsonArg(args, 0, "length");
    if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0 || length > LIMITS.randomBytes) {
      throw hostErrors.invalidArgument("length", `must be a whole number from 0 to ${LIMITS.randomBytes}`);
    }
    return length;
  },
  (length) => new Uint8Array(randomBytes(length)),
);

export const configGet = defineImmediate(noParameters, (_nothing, { config }) => JSON.stringify(config));
