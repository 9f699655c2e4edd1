import { LIMITS } from "@aspen/plugin-api/abi";
import { hostCall } from "../guest/host-call.js";

export type LogFields = Record<string, unknown>;

function at(level: "debug" | "info" | "warn" | "error") {
  return (message: string, fields?: LogFields): void => {
    const record = { level, message: String(message).slice(0, LIMITS.logMessageBytes) };
    hostCall("log_write", withFields(record, fields) ?? JSON.stringify(record));
  };
}

/** The record as JSON; null when its fields cannot be written or are too many, because logging never fails a call. */
function withFields(record: object, fields: LogFields | undefined): string | null {
  if (fields === undefined) return null;
  try {
    const text = JSON.stringify({ ...record, fields }, plain);
    return text.length <= LIMITS.logMessageBytes * 2 ? text : null;
  } catch {
    // A cycle: the message alone has to do.
    return null;
  }
}

/** What JSON would leave empty or refuse. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  const { name, message, stack } = value;
  const { code } = value as { code?: unknown };
  return { name, message, code, stack };
}

/** The node's log, under the plugin's name. Messages over 8 KiB are cut. */
export const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
