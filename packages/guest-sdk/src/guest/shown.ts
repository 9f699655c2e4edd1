import { describeError, errorText, isError } from "./describe-error.js";

/** A replacer for JSON. It writes what JSON would leave empty or refuse: errors, big numbers, maps, circles. */
export function writable(): (this: unknown, key: string, value: unknown) => unknown {
  /** The objects around the one that is written. */
  const around: unknown[] = [];
  return function (this: unknown, _key, value) {
    if (typeof value === "bigint") return String(value);
    if (typeof value !== "object" || value === null) return value;
    while (around.length > 0 && around.at(-1) !== this) around.pop();
    if (around.includes(value)) return "[circular]";
    const written = isError(value)
      ? describeError(value)
      : value instanceof Map || value instanceof Set
        ? [...value]
        : value;
    around.push(written);
    return written;
  };
}

/** A value as text, for people. */
export function shown(value: unknown): string {
  if (typeof value === "string") return value;
  if (isError(value)) return errorText(value);
  try {
    return JSON.stringify(value, writable()) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
