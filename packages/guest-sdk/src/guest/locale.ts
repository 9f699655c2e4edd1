/**
 * The locale of a plugin is en-US, its time zone UTC. Methods that format and compare use it when no locale is given,
 * as Node does with that locale. The engine has no data of other locales: a request for one is refused, not ignored.
 */
import { refusal } from "./absent.js";

const WHY = "the engine has en-US and UTC only";

/** @throws Error for any locale or option but the plugin's own */
function requireOwn(method: string, locales: unknown, options: unknown): void {
  const list = Array.isArray(locales) ? locales : [locales];
  const own = list.length === 0 || list[0] === undefined || list[0] === "en-US" || list[0] === "en";
  if (!own) throw new Error(refusal(`${method} with the locale ${shown(list[0])}`, WHY));
  if (options === undefined) return;
  const given = Object.entries(Object(options)).filter(([, value]) => value !== undefined);
  const other = given.find(([name, value]) => !(name === "timeZone" && value === "UTC"));
  if (other) throw new Error(refusal(`${method} with the option ${other[0]}`, WHY));
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 64)) : `of type ${typeof value}`;
}

/** Digits in groups of three and at most three after the point, the last one rounded half away from zero. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (!Number.isFinite(value)) return `${sign}∞`;
  const [mantissa, exponent] = Math.abs(value).toExponential().split("e") as [string, string];
  const digits = mantissa.replace(".", "");
  // The shortest digits that stand for the number, as thousandths and what lies beyond them.
  const places = Number(exponent) + 1 + 3;
  const kept = places > 0 ? digits.slice(0, places).padEnd(places, "0") : "0";
  const up = places >= 0 && Number(digits[places] ?? "0") >= 5;
  const thousandths = (BigInt(kept) + (up ? 1n : 0n)).toString().padStart(4, "0");
  const fraction = thousandths.slice(-3).replace(/0+$/, "");
  return `${sign}${grouped(thousandths.slice(0, -3))}${fraction && `.${fraction}`}`;
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

function formatDate(date: Date): string {
  const year = date.getUTCFullYear();
  // The year zero is 1 BC; the format does not show the era.
  return `${date.getUTCMonth() + 1}/${date.getUTCDate()}/${year > 0 ? year : 1 - year}`;
}

function formatTime(date: Date): string {
  const two = (part: number) => String(part).padStart(2, "0");
  const hour = date.getUTCHours();
  return `${hour % 12 || 12}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ${hour < 12 ? "AM" : "PM"}`;
}

/** Printable ASCII in the order of the root collation (CLDR), each letter before its capital. */
const ORDER = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ";
const RANKS = new Map([..."\t\n\v\f\r ", ...ORDER].map((character, rank) => [character, rank]));

/** The accents of Latin letters in the order of the root collation. */
const ACCENTS =
  "\u0301\u0300\u0306\u0302\u030c\u030a\u0308\u030b\u0303\u0307\u0338\u0327\u0328\u0304\u0309\u030f\u0311\u031b\u0326";
/** Each as a character that sorts by its rank; any other accent comes behind them, as itself. */
const ACCENT_RANKS = new Map([...ACCENTS].map((accent, rank) => [accent, String.fromCharCode(rank + 1)]));

/** Letters, then their accents, then their case, as the root collation does for Latin text. */
export function compareText(a: string, b: string): number {
  const [left, right] = [keysOf(a), keysOf(b)];
  return (
    compareLists(left.letters, right.letters) ||
    compareLists(left.accents, right.accents) ||
    compareLists(left.cases, right.cases)
  );
}

function keysOf(text: string) {
  const letters: number[] = [];
  const accents: string[] = [];
  const cases: number[] = [];
  for (const character of text.normalize("NFD")) {
    if (/\p{Mn}/u.test(character)) {
      if (accents.length > 0) accents[accents.length - 1] += ACCENT_RANKS.get(character) ?? character;
    } else if (RANKS.has(character) || !/\p{Cc}/u.test(character)) {
      const lower = character.toLowerCase();
      letters.push(RANKS.get(lower) ?? RANKS.size + lower.codePointAt(0)!);
      accents.push("");
      cases.push(lower === character ? 0 : 1);
    }
  }
  return { letters, accents, cases };
}

function compareLists<T extends number | string>(a: readonly T[], b: readonly T[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    if (a[at] !== b[at]) return a[at]! < b[at]! ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

/** Languages that change the case of letters by rules of their own. */
const OWN_CASE = /^(tr|az|lt|el)\b/i;

function caseMethod(name: "toUpperCase" | "toLowerCase", localeName: string) {
  return function (this: string, locales?: unknown): string {
    const language = String((Array.isArray(locales) ? locales[0] : locales) ?? "en");
    if (OWN_CASE.test(language)) throw new Error(refusal(`${localeName} with the locale ${shown(language)}`, WHY));
    return String.prototype[name].call(this);
  };
}

function dateMethod(name: string, format: (date: Date) => string) {
  return function (this: Date, locales?: unknown, options?: unknown): string {
    requireOwn(name, locales, options);
    return Number.isNaN(this.getTime()) ? "Invalid Date" : format(this);
  };
}

/** `toLocaleString` of lists: that of each element, with the same locale and options. */
function listMethod(this: ArrayLike<unknown>, ...args: unknown[]): string {
  return Array.from(this, (element) =>
    element === null || element === undefined
      ? ""
      : String((element as { toLocaleString(...args: unknown[]): unknown }).toLocaleString(...args)),
  ).join(",");
}

/** Gives the engine's own methods their locale. */
export function installLocale(): void {
  const define = (prototype: object, methods: Record<string, unknown>) => {
    for (const [name, value] of Object.entries(methods)) {
      Object.defineProperty(value, "name", { value: name, configurable: true });
      Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false });
    }
  };
  define(Number.prototype, {
    toLocaleString(this: number, locales?: unknown, options?: unknown): string {
      requireOwn("Number.toLocaleString", locales, options);
      return formatNumber(Number.prototype.valueOf.call(this));
    },
  });
  define(BigInt.prototype, {
    toLocaleString(this: bigint, locales?: unknown, options?: unknown): string {
      requireOwn("BigInt.toLocaleString", locales, options);
      return BigInt.prototype.toString.call(this).replace(/\d+/, grouped);
    },
  });
  define(Date.prototype, {
    toLocaleString: dateMethod("Date.toLocaleString", (date) => `${formatDate(date)}, ${formatTime(date)}`),
    toLocaleDateString: dateMethod("Date.toLocaleDateString", formatDate),
    toLocaleTimeString: dateMethod("Date.toLocaleTimeString", formatTime),
  });
  define(String.prototype, {
    localeCompare(this: string, that: unknown, locales?: unknown, options?: unknown): number {
      requireOwn("localeCompare", locales, options);
      return compareText(String(this), String(that));
    },
    toLocaleUpperCase: caseMethod("toUpperCase", "toLocaleUpperCase"),
    toLocaleLowerCase: caseMethod("toLowerCase", "toLocaleLowerCase"),
  });
  define(Array.prototype, { toLocaleString: listMethod });
  define(Object.getPrototypeOf(Uint8Array.prototype), {
    toLocaleString(this: ArrayLike<unknown>, ...args: unknown[]): string {
      return listMethod.apply(this, args);
    },
  });
}
