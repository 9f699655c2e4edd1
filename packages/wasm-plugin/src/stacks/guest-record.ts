import { decodeUtf8, LIMITS } from "@aspen/plugin-api";
import type { GuestLogRecord } from "@aspen/plugin-host";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** A record as a guest wrote it for `log_write`; null when it is none, or too large for one. */
export function guestRecord(bytes: Uint8Array): GuestLogRecord | null {
  if (bytes.length > LIMITS.logRecordBytes) return null;
  try {
    const { level, message, fields } = JSON.parse(decodeUtf8(bytes)) as Record<string, unknown>;
    const known = LEVELS.find((it) => it === level);
    if (!known || typeof message !== "string") return null;
    const record = { level: known, message: message.slice(0, LIMITS.logMessageBytes) };
    return isObject(fields) ? { ...record, fields } : record;
  } catch {
    // A guest may write anything; the host function tells it what is wrong.
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
