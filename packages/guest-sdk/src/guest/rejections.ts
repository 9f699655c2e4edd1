import { type GuestErrorJson, LIMITS } from "@aspen/plugin-api/abi";
import { hostTell } from "./host-call.js";

/** Rejections of one call that are logged; more of them say nothing new. */
const REPORTED = 10;
/** Rejections of one call that are remembered. */
const REMEMBERED = 1000;

/** Promises of a call that were rejected and that nothing has handled yet. */
export class Rejections {
  readonly #open = new Map<unknown, unknown>();
  #more = 0;

  /** `errorText` writes what was thrown as `GuestErrorJson`. */
  constructor(private readonly errorText: (thrown: unknown) => string) {}

  /** A promise was rejected (`handled` 0), or one that was is handled after all. */
  readonly note = (promise: unknown, reason: unknown, handled: number): void => {
    if (handled) this.#open.delete(promise);
    else if (this.#open.size < REMEMBERED) this.#open.set(promise, reason);
    else this.#more += 1;
  };

  /** The call is over: what is unhandled now was forgotten. */
  readonly report = (): void => {
    const reasons = [...this.#open.values()];
    const more = this.#more + Math.max(0, reasons.length - REPORTED);
    this.#open.clear();
    this.#more = 0;
    for (const reason of reasons.slice(0, REPORTED)) {
      const { message, code, stack, causes } = JSON.parse(this.errorText(reason)) as GuestErrorJson;
      warn(`a promise was rejected and nothing handled it: ${message}`, { code, stack, causes });
    }
    if (more > 0) warn(`${more} more promises were rejected and nothing handled them`);
  };
}

function warn(message: string, fields?: object): void {
  hostTell("log_write", JSON.stringify({ level: "warn", message: message.slice(0, LIMITS.logMessageBytes), fields }));
}
