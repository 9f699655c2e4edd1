import type { ErrorStatus } from "./error-table.js";

/**
 * What a code of a plugin's own means on each transport. A plugin names the class with the error; without one its code has
 * the statuses of `PLUGIN_TRAP`. The codes of the error table have statuses of their own, which no class changes.
 */
export const ERROR_CLASSES = {
  not_found: { http: 404, grpc: 5, exit: 4, user: true, when: "What was asked for is not there." },
  conflict: { http: 409, grpc: 10, exit: 6, user: true, when: "It does not go with what is there; look again." },
  invalid: { http: 400, grpc: 3, exit: 2, user: true, when: "A parameter is missing or wrong." },
  denied: { http: 403, grpc: 7, exit: 3, user: true, when: "The caller may not do this." },
  exhausted: { http: 429, grpc: 8, exit: 7, user: true, when: "The caller asks for more than there is for it." },
  unavailable: { http: 503, grpc: 14, exit: 7, user: false, when: "It cannot be done now; later it may." },
} as const satisfies Record<string, ErrorStatus>;

export type ErrorClass = keyof typeof ERROR_CLASSES;

export function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === "string" && Object.hasOwn(ERROR_CLASSES, value);
}
