import { AspenError, type ErrorClass } from "@aspen/plugin-api/abi";

/**
 * An error of the plugin's own, whose class decides what callers get beside its code: the status of HTTP and gRPC, and the
 * exit status of the command line.
 *
 * | class         | HTTP | gRPC                   | exit |
 * | ------------- | ---- | ---------------------- | ---- |
 * | `not_found`   | 404  | 5 (NOT_FOUND)          | 4    |
 * | `conflict`    | 409  | 10 (ABORTED)           | 6    |
 * | `invalid`     | 400  | 3 (INVALID_ARGUMENT)   | 2    |
 * | `denied`      | 403  | 7 (PERMISSION_DENIED)  | 3    |
 * | `exhausted`   | 429  | 8 (RESOURCE_EXHAUSTED) | 7    |
 * | `unavailable` | 503  | 14 (UNAVAILABLE)       | 7    |
 */
export class PluginError extends AspenError {
  /**
   * @param code of the plugin's own, such as `NOTE_NOT_FOUND`: `^[A-Z][A-Z0-9_]{0,63}$`
   * @param message at most 4,096 characters reach the caller
   * @param details JSON of at most 65,536 characters, for programs
   * @param cause goes to the node's log alone
   */
  constructor(
    errorClass: ErrorClass,
    code: string,
    message: string,
    details?: Record<string, unknown>,
    cause?: unknown,
  ) {
    super(code, message, details, cause, errorClass);
  }
}
