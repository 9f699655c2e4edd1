import { ERROR_TABLE, type ErrorCode, type ErrorStatus } from "./error-table.js";
import { thrownError } from "./thrown.js";

/** JSON form of an error, as it crosses HTTP, a worker channel or the guest boundary. */
export interface AspenErrorJson {
  code: string;
  message: string;
  details?: Record<string, unknown>;
}

const CODE_PATTERN = /^[A-Z][A-Z0-9_]{0,63}$/;

/**
 * The one error class of the project. `code` is machine-readable: one of {@link ERROR_TABLE}, or an
 * application code of a plugin's own that matches `^[A-Z][A-Z0-9_]{0,63}$`.
 */
export class AspenError extends Error {
  override readonly name = "AspenError";
  readonly code: string;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode | (string & {}), message: string, details?: Record<string, unknown>, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /** HTTP, gRPC and exit status of this error's code; a plugin's own code has those of `PLUGIN_TRAP`. */
  get status(): ErrorStatus {
    return errorStatus(this.code);
  }

  toJSON(): AspenErrorJson {
    const json: AspenErrorJson = { code: this.code, message: this.message };
    if (this.details) json.details = this.details;
    return json;
  }

  /** Rebuilds an error from its JSON form; an ill-formed code becomes `fallback`. */
  static fromJSON(json: Partial<AspenErrorJson>, fallback: ErrorCode = "INTERNAL"): AspenError {
    const code = typeof json.code === "string" && CODE_PATTERN.test(json.code) ? json.code : fallback;
    const message = typeof json.message === "string" && json.message ? json.message : "an error without a message";
    return new AspenError(code, message, isRecord(json.details) ? json.details : undefined);
  }

  /** Wraps anything thrown. An `AspenError` (of any copy of this package) passes through unchanged. */
  static from(thrown: unknown, code: ErrorCode = "INTERNAL"): AspenError {
    if (isAspenError(thrown)) return thrown;
    const cause = thrownError(thrown);
    return new AspenError(code, cause.message, undefined, cause);
  }
}

/** True for an `AspenError`, also one made by another installed copy of this package. */
export function isAspenError(value: unknown): value is AspenError {
  try {
    return (
      value instanceof AspenError ||
      (value instanceof Error && value.name === "AspenError" && typeof (value as { code?: unknown }).code === "string")
    );
  } catch {
    // A proxy may throw at any look: it is none of ours.
    return false;
  }
}

export function errorStatus(code: string): ErrorStatus {
  return Object.hasOwn(ERROR_TABLE, code) ? ERROR_TABLE[code as ErrorCode] : ERROR_TABLE.PLUGIN_TRAP;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
