import { ConsulError } from "./consul-error.js";

/** Milliseconds of the units of Go (https://pkg.go.dev/time#ParseDuration) that make sense here. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;

/** Milliseconds of a duration such as `10s` or `1m30s`. @throws ConsulError 400 */
export function durationMs(field: string, text: unknown): number {
  if (typeof text === "string" && text.length <= 32 && /^((\d+(\.\d+)?)(ms|s|m|h))+$/.test(text)) {
    let total = 0;
    for (const [, number, unit] of text.matchAll(PART)) total += Number(number) * UNITS[unit!]!;
    return Math.round(total);
  }
  // Consul takes a number without a unit for nanoseconds.
  if (typeof text === "number" && Number.isFinite(text) && text >= 0) return Math.round(text / 1e6);
  throw new ConsulError(400, `Invalid ${field}: it must be a duration such as 10s`);
}

export function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
