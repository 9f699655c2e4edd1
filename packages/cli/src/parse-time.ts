import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a text such as `90s`. @throws InvalidArgumentError below `least` */
export function parseTime(text: string, least = 0): number {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  if (ms >= least) return ms;
  const bound = least > 0 ? `, of at least ${least} ms` : "";
  throw new InvalidArgumentError(`It must be a number and a unit, such as 90s, 30m, 24h or 7d${bound}.`);
}

/** Milliseconds since the Unix epoch of a time as ISO 8601 has it. @throws InvalidArgumentError */
export function parseDate(text: string): number {
  const time = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new InvalidArgumentError("It must be a time with its zone, such as 2030-01-31T09:00:00Z.");
}
