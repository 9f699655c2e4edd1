import { cut, type Logger } from "@aspen/plugin-api";
import type { JobLogLine } from "../job.js";
import { JOB_LIMITS } from "../options.js";

/** Lines that wait to be written; a job that logs faster loses the rest, and a line says how many. */
const MOST_LINES = 1000;

/** The lines of one job that were not written yet. */
export class JobLog implements Logger {
  #lines: JobLogLine[] = [];
  #lost = 0;

  debug = (fields: object, message: string): void => this.#add("debug", fields, message);
  info = (fields: object, message: string): void => this.#add("info", fields, message);
  warn = (fields: object, message: string): void => this.#add("warn", fields, message);
  error = (fields: object, message: string): void => this.#add("error", fields, message);

  /** They count as written then. */
  take(): JobLogLine[] {
    const lines = this.#lines;
    if (this.#lost > 0) {
      lines.push({
        at: Date.now(),
        level: "warn",
        message: `${this.#lost} lines were lost, as the job wrote too fast`,
      });
    }
    this.#lines = [];
    this.#lost = 0;
    return lines;
  }

  /** Lines that could not be written after all. */
  putBack(lines: readonly JobLogLine[]): void {
    const all = [...lines, ...this.#lines];
    this.#lost += Math.max(0, all.length - MOST_LINES);
    this.#lines = all.slice(0, MOST_LINES);
  }

  #add(level: JobLogLine["level"], fields: object, message: string): void {
    if (this.#lines.length >= MOST_LINES) {
      this.#lost += 1;
      return;
    }
    const line = { at: Date.now(), level, message: cut(String(message), JOB_LIMITS.logLineBytes) };
    this.#lines.push(Object.keys(fields).length > 0 ? { ...line, fields: plain(fields) } : line);
  }
}

/** Fields as they are at this moment, and only what JSON holds. */
function plain(fields: object): Record<string, unknown> {
  try {
    const json = JSON.stringify(fields, (_, value) => (value instanceof Error ? value.message : value));
    return json.length <= JOB_LIMITS.logLineBytes ? JSON.parse(json) : { cut: cut(json, 1024) };
  } catch (error) {
    return { unreadable: String(error) };
  }
}
