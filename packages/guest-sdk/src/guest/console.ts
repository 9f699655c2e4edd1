/** The console of the Console Standard (https://console.spec.whatwg.org), on the plugin's log. */
import { shown } from "./shown.js";

export type ConsoleLevel = "debug" | "info" | "warn" | "error";

/** Most groups and labels that are kept. */
const MOST_GROUPS = 32;
const MOST_LABELS = 1000;
const MOST_ROWS = 100;

/**
 * All methods of the standard. `now` is a clock in milliseconds; `endGroups` ends what a call has left open.
 */
export function createConsole(write: (level: ConsoleLevel, message: string) => void, now: () => number) {
  let groups = 0;
  const counts = new Map<string, number>();
  const timers = new Map<string, number>();

  const print = (level: ConsoleLevel, values: readonly unknown[]) => {
    const indent = "  ".repeat(Math.min(groups, MOST_GROUPS));
    write(level, indent + formatted(values));
  };
  const at =
    (level: ConsoleLevel) =>
    (...values: unknown[]): void =>
      print(level, values);
  const group = (...values: unknown[]): void => {
    if (values.length > 0) print("info", values);
    groups += 1;
  };
  const keep = (labels: Map<string, number>, label: string, value: number) => {
    if (labels.has(label) || labels.size < MOST_LABELS) labels.set(label, value);
  };
  const elapsed = (label: string, values: readonly unknown[]): boolean => {
    const start = timers.get(label);
    if (start === undefined) print("warn", [`Timer '${label}' does not exist`]);
    else print("info", [`${label}: ${now() - start}ms`, ...values]);
    return start !== undefined;
  };

  const methods = {
    assert(condition?: unknown, ...values: unknown[]): void {
      if (condition) return;
      const [first, ...rest] = values;
      if (values.length === 0) print("error", ["Assertion failed"]);
      else if (typeof first === "string") print("error", [`Assertion failed: ${first}`, ...rest]);
      else print("error", ["Assertion failed:", ...values]);
    },
    clear(): void {
      groups = 0;
    },
    debug: at("debug"),
    error: at("error"),
    info: at("info"),
    log: at("info"),
    table(data?: unknown, columns?: readonly string[]): void {
      print("info", [typeof data === "object" && data !== null ? table(data, columns) : data]);
    },
    trace(...values: unknown[]): void {
      const message = values.length > 0 ? `Trace: ${formatted(values)}` : "Trace";
      const stack = (new Error().stack ?? "").split("\n").slice(1).join("\n");
      print("debug", ["%s", `${message}\n${stack}`]);
    },
    warn: at("warn"),
    dir(value?: unknown): void {
      print("info", [value]);
    },
    dirxml: at("info"),
    count(label: unknown = "default"): void {
      const name = String(label);
      const count = (counts.get(name) ?? 0) + 1;
      keep(counts, name, count);
      print("info", ["%s", `${name}: ${count}`]);
    },
    countReset(label: unknown = "default"): void {
      if (!counts.delete(String(label))) print("warn", ["%s", `Count for '${label}' does not exist`]);
    },
    group,
    groupCollapsed: group,
    groupEnd(): void {
      groups = Math.max(0, groups - 1);
    },
    time(label: unknown = "default"): void {
      const name = String(label);
      if (timers.has(name)) print("warn", ["%s", `Timer '${name}' already exists`]);
      else keep(timers, name, now());
    },
    timeLog(label: unknown = "default", ...values: unknown[]): void {
      elapsed(String(label), values);
    },
    timeEnd(label: unknown = "default"): void {
      if (elapsed(String(label), [])) timers.delete(String(label));
    },
  };
  return {
    console: methods,
    endGroups: () => {
      groups = 0;
    },
  };
}

/** Fills the first value's `%s`, `%d`, `%i`, `%f`, `%o`, `%O` and `%c`, as the standard's Formatter does. */
function formatted(values: readonly unknown[]): string {
  const [first, ...rest] = values;
  if (typeof first !== "string" || rest.length === 0) return values.map(shown).join(" ");
  let used = 0;
  const text = first.replace(/%([sdifoOc%])/g, (directive, letter: string) => {
    if (letter === "%") return "%";
    if (used >= rest.length) return directive;
    const value = rest[used];
    used += 1;
    return filled(letter, value);
  });
  return [text, ...rest.slice(used).map(shown)].join(" ");
}

function filled(letter: string, value: unknown): string {
  switch (letter) {
    case "c":
      return "";
    case "d":
    case "i":
      return typeof value === "symbol" ? "NaN" : String(Number.parseInt(String(value), 10));
    case "f":
      return typeof value === "symbol" ? "NaN" : String(Number.parseFloat(String(value)));
    case "s":
      return typeof value === "symbol" ? value.toString() : shown(value);
    default:
      return shown(value);
  }
}

/** Rows by index and columns by key, as tab-separated lines. */
function table(data: object, columns?: readonly string[]): string {
  const rows = Object.entries(data).slice(0, MOST_ROWS);
  const isRow = (value: unknown): value is object => typeof value === "object" && value !== null;
  const keys = columns ?? [...new Set(rows.flatMap(([, row]) => (isRow(row) ? Object.keys(row) : [])))];
  const hasValues = rows.some(([, row]) => !isRow(row));
  const head = ["(index)", ...keys, ...(hasValues ? ["Values"] : [])];
  const cell = (row: unknown, key: string) =>
    isRow(row) && Object.hasOwn(row, key) ? shown((row as Record<string, unknown>)[key]) : "";
  const lines = rows.map(([index, row]) => [
    index,
    ...keys.map((key) => cell(row, key)),
    ...(hasValues ? [isRow(row) ? "" : shown(row)] : []),
  ]);
  return [head, ...lines].map((line) => line.join("\t")).join("\n");
}
