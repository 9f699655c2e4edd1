import { decodeUtf8 } from "./abi/utf8.js";
import { LIMITS } from "./limits.js";

/** What a JSON text may have. */
export interface JsonBounds {
  /** Levels of arrays and objects. */
  depth: number;
  /** Values and keys together. @default no limit */
  values?: number;
}

/** Why a JSON text is refused. */
export interface JsonProblem {
  reason: "syntax" | "depth" | "values" | "number";
  /** Part of a sentence. It quotes nothing of the text. */
  problem: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const LOWER_E = 0x65;
const LOWER_U = 0x75;

/** Digits before the point, together with the exponent, up to which a number is finite whatever its digits are. */
const SAFE_MAGNITUDE = 308;

/** What may come next. */
const VALUE = 0;
const VALUE_OR_CLOSE = 1;
const KEY = 2;
const KEY_OR_CLOSE = 3;
const AFTER_VALUE = 4;

/**
 * Which of the open levels are objects. It is made once for each depth in use: for most texts, making it would take
 * longer than the check.
 */
const LEVELS = new Uint8Array(LIMITS.jsonDepth + 1);

const LITERALS = ["true", "false", "null"].map((text) => Uint8Array.from(text, (char) => char.charCodeAt(0)));
/** What follows a backslash in a string, apart from `u`: `"\/bfnrt`. */
const ESCAPES = new Set(Array.from('"\\/bfnrt', (char) => char.charCodeAt(0)));

/**
 * Finds what is wrong with a JSON text in UTF-8 and makes no values of it. A parser cannot be stopped, and its objects
 * are many times as large as the text. A number that no double can hold (`1e400`) is a problem, because every parser
 * would turn it into something else. The caller makes sure that the bytes are UTF-8.
 */
export function jsonProblem(bytes: Uint8Array, { depth, values = Infinity }: JsonBounds): JsonProblem | null {
  const { length } = bytes;
  const objects = depth < LEVELS.length ? LEVELS : new Uint8Array(depth + 1);
  let open = 0;
  let seen = 0;
  let next = VALUE;
  let at = 0;
  for (;;) {
    at = spaceEnd(bytes, at);
    if (at >= length) return next === AFTER_VALUE && open === 0 ? null : syntax(bytes, length);
    const byte = bytes[at]!;
    if (next === AFTER_VALUE) {
      if (open === 0) return syntax(bytes, at);
      const object = objects[open] === 1;
      if (byte === COMMA) next = object ? KEY : VALUE;
      else if (byte === (object ? CLOSE_BRACE : CLOSE_BRACKET)) open -= 1;
      else return syntax(bytes, at);
      at += 1;
      continue;
    }
    if ((byte === CLOSE_BRACE && next === KEY_OR_CLOSE) || (byte === CLOSE_BRACKET && next === VALUE_OR_CLOSE)) {
      open -= 1;
      at += 1;
      next = AFTER_VALUE;
      continue;
    }
    seen += 1;
    if (seen > values) return { reason: "values", problem: `it has more than ${values} values and keys` };
    if (next === KEY || next === KEY_OR_CLOSE) {
      if (byte !== QUOTE) return syntax(bytes, at);
      at = stringEnd(bytes, at + 1);
      if (at < 0) return syntax(bytes, ~at);
      at = spaceEnd(bytes, at);
      if (bytes[at] !== COLON) return syntax(bytes, at);
      at += 1;
      next = VALUE;
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      open += 1;
      if (open > depth) return { reason: "depth", problem: `it nests deeper than ${depth} levels` };
      objects[open] = byte === OPEN_BRACE ? 1 : 0;
      next = byte === OPEN_BRACE ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
      at += 1;
      continue;
    }
    const start = at;
    const number = byte === MINUS || isDigit(byte);
    if (byte === QUOTE) at = stringEnd(bytes, at + 1);
    else at = number ? numberEnd(bytes, at) : literalEnd(bytes, at);
    if (at < 0) return syntax(bytes, ~at);
    if (number && at - start > 3 && isInfinite(bytes, start, at)) {
      return { reason: "number", problem: `the number at byte ${start} is too large, which parsers would change` };
    }
    next = AFTER_VALUE;
  }
}

function syntax(bytes: Uint8Array, at: number): JsonProblem {
  const problem = at >= bytes.length ? `it ends too early, after ${at} bytes` : `it goes wrong at byte ${at}`;
  return { reason: "syntax", problem };
}

function spaceEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

// Each function below returns where the token ends, or the inverted bits of where it goes wrong.

function stringEnd(bytes: Uint8Array, start: number): number {
  const { length } = bytes;
  for (let at = start; at < length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) return ~at;
    if (byte !== BACKSLASH) continue;
    at += 1;
    const escaped = bytes[at]!;
    if (escaped === LOWER_U) {
      for (const end = at + 4; at < end; ) {
        at += 1;
        if (!isHex(bytes[at]!)) return ~at;
      }
    } else if (!ESCAPES.has(escaped)) return ~at;
  }
  return ~length;
}

function numberEnd(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  const leading = at;
  at = digitsEnd(bytes, at);
  if (at < 0) return at;
  if (bytes[leading] === 0x30 && at > leading + 1) return ~(leading + 1);
  if (bytes[at] === POINT) {
    at = digitsEnd(bytes, at + 1);
    if (at < 0) return at;
  }
  if ((bytes[at]! | 0x20) === LOWER_E) {
    const sign = bytes[at + 1];
    at = digitsEnd(bytes, sign === PLUS || sign === MINUS ? at + 2 : at + 1);
  }
  return at;
}

/** The end of one digit or more. */
function digitsEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isDigit(bytes[at]!)) at += 1;
  return at === start ? ~at : at;
}

function literalEnd(bytes: Uint8Array, start: number): number {
  for (const literal of LITERALS) {
    if (bytes[start] !== literal[0]) continue;
    for (let index = 1; index < literal.length; index++) {
      if (bytes[start + index] !== literal[index]) return ~(start + index);
    }
    return start + literal.length;
  }
  return ~start;
}

/** True for a number that a double cannot hold; converts only those that come near. */
function isInfinite(bytes: Uint8Array, start: number, end: number): boolean {
  let whole = 0;
  let at = bytes[start] === MINUS ? start + 1 : start;
  for (; at < end && isDigit(bytes[at]!); at++) whole += 1;
  while (at < end && (bytes[at]! | 0x20) !== LOWER_E) at += 1;
  let exponent = 0;
  if (at < end) {
    at += 1;
    if (bytes[at] === MINUS) return false;
    for (at += bytes[at] === PLUS ? 1 : 0; at < end && exponent <= SAFE_MAGNITUDE; at++) {
      exponent = exponent * 10 + bytes[at]! - 0x30;
    }
  }
  if (whole + exponent <= SAFE_MAGNITUDE) return false;
  return !Number.isFinite(Number(decodeUtf8(bytes.subarray(start, end))));
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHex(byte: number): boolean {
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}
