import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { whole } from "../../options.js";
import type { ClaimType } from "../contract.js";
import type { JobTable } from "./job-table.js";
import { tryTransact } from "./outcome.js";

/** Starts of a type in the window that began at `since`, milliseconds since the Unix epoch. */
interface Window {
  readonly since: number;
  readonly starts: number;
}

const ATTEMPTS = 20;

/**
 * How many of `wanted` jobs of a type may start now, which count as started. Windows follow each other, so that up to
 * twice `max` may start within one `perMs` that lies across two of them.
 *
 * @throws AspenError `INVALID_PARAMS`, or what the store throws
 */
export async function takeOfRate(
  { kv, keys, clock }: JobTable,
  type: string,
  { max, perMs }: NonNullable<ClaimType["rate"]>,
  wanted: number,
): Promise<number> {
  whole("rate.max", max, 1, 1_000_000);
  whole("rate.perMs", perMs, 1, 86_400_000);
  const key = keys.rate(type);
  for (let attempt = 0; attempt < ATTEMPTS && wanted > 0; attempt++) {
    const now = clock.now();
    const entry = await kv.get(key);
    const last = entry ? (JSON.parse(decodeUtf8(entry.value)) as Window) : null;
    const current = last && now < last.since + perMs ? last : { since: now, starts: 0 };
    const allowed = Math.min(wanted, max - current.starts);
    if (allowed <= 0) return 0;
    const next: Window = { since: current.since, starts: current.starts + allowed };
    const result = await tryTransact(kv, {
      checks: [entry ? { key, version: entry.version } : { key, value: null }],
      ops: [{ type: "put", key, value: encodeUtf8(JSON.stringify(next)) }],
    });
    // An answer that was lost counts as taken: rather too few than too many.
    if (result === "unknown") return 0;
    if (result.ok) return allowed;
  }
  return 0;
}
