import { LIMITS } from "@aspen/plugin-api/abi";
import { isError } from "../guest/describe-error.js";
import { hostTell } from "../guest/host-call.js";
import { writable } from "../guest/shown.js";

export type LogFields = Record<string, unknown>;

function at(level: "debug" | "info" | "warn" | "error") {
  return (message: string, fields?: LogFields): void => {
    const record = { level, message: String(message).slice(0, LIMITS.logMessageBytes) };
    const text = fieldsText(fields);
    const json = JSON.stringify(record);
    hostTell("log_write", text === null ? json : `${json.slice(0, -1)},"fields":${text}}`);
  };
}

/** The fields as JSON; what cannot be written is named instead, because logging never fails a call. */
function fieldsText(fields: LogFields | undefined): string | null {
  if (fields === undefined) return null;
  const text = written(fields);
  if (text !== null && text.length <= LIMITS.logMessageBytes) return text;
  const omitted = text === null ? "fields that are not JSON" : `fields of ${text.length} characters of JSON`;
  return errorsAlone(fields, omitted) ?? JSON.stringify({ omitted });
}

function written(fields: object): string | null {
  try {
    return JSON.stringify(fields, writable()) ?? null;
  } catch {
    // A getter or `toJSON` that throws.
    return null;
  }
}

/** Errors must not be lost with what stands beside them. */
function errorsAlone(fields: LogFields, omitted: string): string | null {
  try {
    const errors = Object.entries(fields).filter(([, value]) => isError(value));
    const text = errors.length > 0 ? written({ ...Object.fromEntries(errors), omitted }) : null;
    return text !== null && text.length <= LIMITS.logMessageBytes ? text : null;
  } catch {
    return null;
  }
}

/**
 * The node's log, under the plugin's name. Messages over 8 KiB are cut, fields over 8 KiB left out. An error among the
 * fields is written with its stack, its causes and inner errors.
 */
export const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
