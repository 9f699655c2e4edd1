import { InvalidArgumentError } from "commander";
import { formatBytes } from "./format-bytes.js";

const UNITS: Readonly<Record<string, number>> = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A size as people write it: a whole number of bytes, KiB, MiB or GiB. @throws InvalidArgumentError naming the range */
export function parseBytes(text: string, min: number, max: number): number {
  const [, digits, unit = ""] = /^(\d{1,15})(KiB|MiB|GiB)?$/.exec(text) ?? [];
  const bytes = digits === undefined ? Number.NaN : Number(digits) * UNITS[unit]!;
  if (bytes >= min && bytes <= max) return bytes;
  throw new InvalidArgumentError(`It must be a size from ${formatBytes(min)} to ${formatBytes(max)}, such as 64MiB.`);
}
