import { AspenError, cut, LIMITS, quoted } from "@aspen/plugin-api/abi";
import type { Caller } from "./caller.js";

/** The errors of this package. */
export const rpcErrors = {
  methodNotFound: (method: string) =>
    new AspenError(
      "METHOD_NOT_FOUND",
      `no handler on this node serves ${quoted(method)}; call rpc.describe for the methods it has`,
      { method: cut(method) },
    ),
  invalidParams: (method: string, problems: readonly ParamProblem[]) =>
    new AspenError("INVALID_PARAMS", `the params of ${method} are not valid: ${told(problems)}`, {
      method,
      field: problems[0]?.field ?? "(root)",
      problems,
    }),
  badBody: (problem: string) =>
    new AspenError("INVALID_PARAMS", `the body cannot be read: ${problem}; send the params as one JSON value`, {
      field: "(body)",
    }),
  tooManyValues: (problem: string) =>
    new AspenError("PAYLOAD_TOO_LARGE", `the body cannot be read: ${problem}; send less at once`, {
      limit: LIMITS.jsonValues,
    }),
  loneSurrogate: () => new AspenError("INVALID_PARAMS", "has a lone surrogate, which UTF-8 cannot carry; send base64"),
  notBase64: () => new AspenError("INVALID_PARAMS", "must be base64 with padding"),
  notFinite: (value: number) =>
    new AspenError("INVALID_PARAMS", `the params have the number ${value}, which JSON cannot hold; send it as text`),
  priorityOutOfRange: (handler: string, priority: number, ranges: string) =>
    new AspenError(
      "CONFIG_INVALID",
      `handler ${handler} cannot be registered at priority ${priority}; use a whole number in one of ${ranges}`,
      { handler, priority },
    ),
  invalidResult: (method: string, problems: readonly ParamProblem[]) =>
    new AspenError(
      "INTERNAL",
      `the result of ${method} does not follow its schema: ${told(problems)}; correct its handler or the schema`,
      { method, problems },
    ),
  methodDenied: (caller: Caller, method: string, needed: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `${named(caller)} may not call ${quoted(method)}: ${quoted(needed)} is not granted; have it granted, or call on behalf of another`,
      { method: cut(method), needed: cut(needed), caller: who(caller) },
    ),
  keyDenied: (caller: Caller, method: string, key: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `${named(caller)} may not use ${quoted(key)} with ${quoted(method)}: no granted prefix covers it; have one granted, or call on behalf of another`,
      { method: cut(method), key: cut(key), caller: who(caller) },
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

/** One broken rule of a method's params or result. */
export interface ParamProblem {
  field: string;
  rule: string;
}

function told(problems: readonly ParamProblem[]): string {
  return problems.map(({ field, rule }) => `${field}: ${rule}`).join("; ");
}

function who({ kind, id }: Caller): { kind: string; id: string } {
  return { kind, id: cut(id) };
}

function named({ kind, id }: Caller): string {
  return kind === id ? `a caller of kind ${kind}` : `${kind} ${quoted(id)}`;
}
