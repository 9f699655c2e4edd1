/**
 * Globals that QuickJS lacks and plugins expect. Evaluated before anything of the plugin. A function that
 * cannot work in a sandbox says so instead of being undefined.
 */
import { ABSENT, absent, ON_DEMAND, UNNAMED } from "./absent.js";
import { type ConsoleLevel, createConsole } from "./console.js";
import { intrinsics } from "./intrinsics.js";
import { installLocale } from "./locale.js";
import { uuidOf } from "./uuid.js";

const { encode, decode, hide, host } = intrinsics();

class GuestTextEncoder {
  readonly encoding = "utf-8";

  encode(text = ""): Uint8Array {
    return encode(String(text).toWellFormed());
  }

  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const character of String(text).toWellFormed()) {
      const bytes = encode(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

const BYTE_ORDER_MARK = "\uFEFF";

/** The names of UTF-8 in the Encoding Standard, section 4.2. */
const UTF8_LABEL = /^[\t\n\f\r ]*(utf-?8|unicode-1-1-utf-8|unicode11utf8|(x-)?unicode20utf8)[\t\n\f\r ]*$/i;

class GuestTextDecoder {
  readonly encoding = "utf-8";
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;

  constructor(label = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    if (!UTF8_LABEL.test(label)) throw new RangeError(`the encoding ${label} is not supported`);
    this.fatal = options.fatal ?? false;
    this.ignoreBOM = options.ignoreBOM ?? false;
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string {
    if (options?.stream) throw new TypeError("TextDecoder: stream is not supported in a plugin");
    if (input === undefined) return "";
    const bytes = toBytes(input);
    const text = decode(bytes);
    if (this.fatal && text.includes("\uFFFD") && !isSame(encode(text), bytes)) {
      throw new TypeError("the bytes are not UTF-8");
    }
    return !this.ignoreBOM && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  }
}

function toBytes(input: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (input instanceof Uint8Array) return input;
  return ArrayBuffer.isView(input)
    ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    : new Uint8Array(input);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** `LIMITS.logMessageBytes`, which cannot be imported before there is a TextEncoder. */
const LOG_MESSAGE_MAX = 8192;

function write(level: ConsoleLevel, message: string): void {
  host.log_write(JSON.stringify({ level, message: message.slice(0, LOG_MESSAGE_MAX) }));
}

/** As in `@aspen/plugin-api`, which cannot be imported before there is a TextEncoder. */
const RESULT_OK = 1;
const RESULT_ERROR = 3;

/** The host's own error, so that it keeps its code; for a missing permission with what to do. */
function randomRefused(result: Uint8Array | number): Error {
  if (typeof result === "number") {
    const code = result === 0 ? "PAYLOAD_TOO_LARGE" : "PLUGIN_OUT_OF_MEMORY";
    return Object.assign(new Error("there is no room for random numbers in this call"), { code });
  }
  if (result[0] !== RESULT_ERROR) {
    return Object.assign(new Error("random_bytes: the host answered with an unknown tag"), { code: "INTERNAL" });
  }
  const { code, message } = JSON.parse(decode(result.subarray(1))) as { code: string; message: string };
  if (code !== "PERMISSION_DENIED") return Object.assign(new Error(message), { code });
  const advice = 'random numbers for keys and ids need the permission "randomness" in plugin.json';
  return Object.assign(new Error(advice), { code });
}

/** Asks the host at most this many bytes at once (its own limit). */
const RANDOM_CHUNK = 65_536;

function getRandomValues<T extends ArrayBufferView>(target: T): T {
  const bytes = toBytes(target);
  for (let start = 0; start < bytes.length; start += RANDOM_CHUNK) {
    const length = Math.min(RANDOM_CHUNK, bytes.length - start);
    const result = host.random_bytes(String(length));
    if (typeof result === "number" || result[0] !== RESULT_OK) throw randomRefused(result);
    bytes.set(result.subarray(1), start);
  }
  return target;
}

function randomUUID(): string {
  return uuidOf(getRandomValues(new Uint8Array(16)));
}

/**
 * Whole milliseconds since the instance began. The engine's own clock is the host's wall clock: a snapshot is older than its
 * instances, and the clock can be set back.
 */
const engineNow = performance.now.bind(performance);
let timeOrigin = 0;
let latest = 0;

const clock = {
  now(): number {
    latest = Math.max(latest, Math.round(engineNow()) - timeOrigin);
    return latest;
  },
  get timeOrigin(): number {
    return timeOrigin;
  },
  toJSON(): object {
    return { timeOrigin };
  },
};

let begun = false;
intrinsics().begin = () => {
  consoleOfPlugin.endGroups();
  if (begun) return;
  begun = true;
  timeOrigin = Math.round(engineNow());
};

const consoleOfPlugin = createConsole(write, () => clock.now());

installLocale();

function absents(names: Readonly<Record<string, string>>): Record<string, object> {
  return Object.fromEntries(Object.entries(names).map(([name, why]) => [name, absent(name, why, hide)]));
}

const globals: Record<string, unknown> = {
  TextEncoder: GuestTextEncoder,
  TextDecoder: GuestTextDecoder,
  console: consoleOfPlugin.console,
  crypto: {
    getRandomValues,
    randomUUID,
    subtle: globalThis.__aspenSubtle ?? absent("crypto.subtle", UNNAMED, hide),
  },
  performance: clock,
  ...absents(ABSENT),
  ...absents(Object.fromEntries(Object.entries(ON_DEMAND).filter(([name]) => !(name in globalThis)))),
};
Reflect.deleteProperty(globalThis, "__aspenSubtle");

for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

// Bytes travel in JSON as {"base64": "…"}, so a handler may return them as they are.
Object.defineProperty(Uint8Array.prototype, "toJSON", {
  value(this: Uint8Array) {
    let binary = "";
    for (let start = 0; start < this.length; start += 8192) {
      binary += String.fromCharCode(...this.subarray(start, start + 8192));
    }
    return { base64: btoa(binary) };
  },
  writable: true,
  configurable: true,
  enumerable: false,
});
