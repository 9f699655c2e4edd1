import { AspenError, cut, LIMITS, quoted } from "@aspen/plugin-api";

/** The errors of this package. */
export const rpcErrors = {
  methodNotFound: (method: string) =>
    new AspenError(
      "METHOD_NOT_FOUND",
      `no handler on this node serves ${quoted(method)}; call rpc.describe for the methods it has`,
      { method: cut(method) },
    ),
  invalidParams: (method: string, problems: readonly ParamProblem[]) =>
    new AspenError(
      "INVALID_PARAMS",
      `the params of ${method} are not valid: ${problems.map(({ field, rule }) => `${field}: ${rule}`).join("; ")}`,
      { method, field: problems[0]?.field ?? "(root)", problems },
    ),
  badBody: (problem: string) =>
    new AspenError("INVALID_PARAMS", `the body cannot be read: ${problem}; send the params as one JSON value`, {
      field: "(body)",
    }),
  tooManyValues: (problem: string) =>
    new AspenError("PAYLOAD_TOO_LARGE", `the body cannot be read: ${problem}; send less at once`, {
      limit: LIMITS.jsonValues,
    }),
  notFinite: (value: number) =>
    new AspenError("INVALID_PARAMS", `the params have the number ${value}, which JSON cannot hold; send it as text`),
  priorityOutOfRange: (handler: string, priority: number, ranges: string) =>
    new AspenError(
      "CONFIG_INVALID",
      `handler ${handler} cannot be registered at priority ${priority}; use a whole number in one of ${ranges}`,
      { handler, priority },
    ),
  deadlineExceeded: (method: string) =>
    new AspenError(
      "DEADLINE_EXCEEDED",
      `${quoted(method)} was not answered before the caller's deadline; allow more time or ask for less`,
      { method: cut(method) },
    ),
  cancelled: (method: string) =>
    new AspenError("CANCELLED", `the call of ${quoted(method)} was cancelled by its caller`, {
      method: cut(method),
    }),
  internal: (requestId: string, cause: unknown) =>
    new AspenError(
      "INTERNAL",
      `the node failed while it handled request ${requestId}; its log has the details under this id`,
      { requestId },
      cause,
    ),
} as const;

/** One broken rule of a method's params. */
export interface ParamProblem {
  field: string;
  rule: string;
}
