import { readU64 } from "@aspen/plugin-api/abi";
import { hostCallNow } from "../guest/host-call.js";

/** The node's clock. At the top level of a plugin, which runs at build time, it is not there. */
export const clock = {
  /** Milliseconds since the Unix epoch. */
  now(): number {
    return readU64(hostCallNow("clock_now"));
  },
};
