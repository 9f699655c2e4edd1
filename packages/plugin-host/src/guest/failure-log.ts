import type { AspenError } from "@aspen/plugin-api/abi";
import { LineLimit } from "./line-limit.js";

/** What is a plugin's own fault; the node's log has one line for each, that of the plugin. */
const FAULTS = new Set(["PLUGIN_TRAP", "PLUGIN_INVALID_RESPONSE", "PLUGIN_TIMEOUT", "PLUGIN_OUT_OF_MEMORY"]);

/** A record as `log_write` takes it. */
export interface FailureRecord {
  level: "error" | "info";
  message: string;
  fields: Record<string, unknown>;
}

/** The log's lines on the failed calls of one plugin, not more of them than anybody reads. */
export class FailureLog {
  readonly #lines = new LineLimit();

  constructor(private readonly tell: (record: FailureRecord, requestId: string) => void) {}

  /** Errors that a plugin did not mean to give are logged with their stack; others when they hide a cause. */
  add(
    call: { method: string; requestId: string },
    { code, message }: AspenError,
    told: { stack?: string; causes?: string },
  ): void {
    const unmeant = FAULTS.has(code);
    if (!unmeant && told.causes === undefined) return;
    const leftOut = this.#lines.pass();
    if (leftOut === null) return;
    const fields = { method: call.method, code, ...told, ...(leftOut > 0 ? { leftOut } : {}) };
    this.tell({ level: unmeant ? "error" : "info", message, fields }, call.requestId);
  }
}
