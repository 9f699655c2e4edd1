import { ERROR_CLASSES, type ErrorClass, isErrorClass } from "./error-class.js";
import { ERROR_TABLE, type ErrorCode, type ErrorStatus } from "./error-table.js";
import { thrownError } from "./thrown.js";

/** JSON form of an error, as it crosses HTTP, a worker channel or the guest boundary. */
export interface AspenErrorJson {
  code: string;
  /** Of a plugin's own code. */
  class?: ErrorClass | undefined;
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
  /** What a plugin's own code means; undefined for the codes of the table. */
  readonly class: ErrorClass | undefined;

  constructor(
    code: ErrorCode | (string & {}),
    message: string,
    details?: Record<string, unknown>,
    cause?: unknown,
    errorClass?: ErrorClass,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
    this.class = Object.hasOwn(ERROR_TABLE, code) ? undefined : errorClass;
  }

  /** HTTP, gRPC and exit status: those of its code, of its class, or those of `PLUGIN_TRAP` when it has neither. */
  get status(): ErrorStatus {
    return errorStatus(this);
  }

  toJSON(): AspenErrorJson {
    const json: AspenErrorJson = { code: this.code, message: this.message };
    if (this.class) json.class = this.class;
    if (this.details) json.details = this.details;
    return json;
  }

  /** Rebuilds an error from its JSON form; an ill-formed code becomes `fallback`. */
  static fromJSON(json: Partial<AspenErrorJson>, fallback: ErrorCode = "INTERNAL"): AspenError {
    const code = typeof json.code === "string" && CODE_PATTERN.test(json.code) ? json.code : fallback;
    const message = typeof json.message === "string" && json.message ? json.message : "an error without a message";
    const errorClass = isErrorClass(json.class) ? json.class : undefined;
    return new AspenError(code, message, isRecord(json.details) ? json.details : undefined, undefined, errorClass);
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

/** What an error means on each transport; see {@link AspenError.status}. */
export function errorStatus(error: Pick<AspenErrorJson, "code" | "class">): ErrorStatus {
  const { code, class: errorClass } = error;
  if (Object.hasOwn(ERROR_TABLE, code)) return ERROR_TABLE[code as ErrorCode];
  return isErrorClass(errorClass) ? ERROR_CLASSES[errorClass] : ERROR_TABLE.PLUGIN_TRAP;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
