import { AspenError, cut, LIMITS, quoted, thrownError } from "@aspen/plugin-api/abi";
import type { Caller } from "./caller.js";

/** The errors of this package. */
export const rpcErrors = {
  /** @param nodes those of the cluster that serve it */
  methodNotFound: (method: string, nodes: readonly ServingNode[] = []) =>
    new AspenError(
      "METHOD_NOT_FOUND",
      nodes.length === 0
        ? `no handler on this node serves ${quoted(method)}; call rpc.describe for the methods it has`
        : `no handler on this node serves ${quoted(method)}; call one of those that do: ${nodes.map(({ id, address }) => address ?? id).join(", ")}`,
      { method: cut(method), ...(nodes.length === 0 ? {} : { nodes }) },
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
  handlerInvalid: (handler: string, problem: string) =>
    new AspenError(
      "CONFIG_INVALID",
      `handler ${quoted(handler)} cannot be registered: ${problem}; correct its factory`,
      {
        handler: cut(handler),
      },
    ),
  paramsNotJson: (cause: unknown) =>
    new AspenError(
      "INVALID_PARAMS",
      `the params cannot be written as JSON: ${thrownError(cause).message}`,
      { field: "(root)" },
      thrownError(cause),
    ),
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
  unauthenticated: (method: string) =>
    new AspenError(
      "UNAUTHENTICATED",
      `${quoted(method)} needs a caller that the node knows; send a token: Authorization: Bearer …`,
      { method: cut(method), reason: "missing" },
    ),
  deadlineExceeded: (method: string) =>
    new AspenError(
      "DEADLINE_EXCEEDED",
      `${quoted(method)} was not answered before the caller's deadline; allow more time or ask for less`,
      { method: cut(method) },
    ),
  timedOut: (method: string, ms: number) =>
    new AspenError(
      "DEADLINE_EXCEEDED",
      `${quoted(method)} was not answered within ${ms} ms, and may be done later; allow more time or ask for less`,
      { method: cut(method), ms },
    ),
  unreachable: (url: string, cause: unknown) =>
    new AspenError(
      "NODE_UNREACHABLE",
      `no node answers at ${url} (${reason(cause)}); start one with \`aspen node start\`, or give the address of another`,
      { url },
      cause,
    ),
  connectionLost: (url: string, method: string, cause: unknown) =>
    new AspenError(
      "OUTCOME_UNKNOWN",
      `the connection to ${url} was lost before ${quoted(method)} was answered (${reason(cause)}); it may or may not have been done: look before you try again`,
      { url, method: cut(method) },
      cause,
    ),
  noAnswer: (url: string, method: string, cause: unknown) =>
    new AspenError(
      "OUTCOME_UNKNOWN",
      `${quoted(method)} had no answer from ${url} (${reason(cause)}); either no node is there, or this page may not call it, or the connection was lost and it may have been done: look before you try again`,
      { url, method: cut(method) },
      cause,
    ),
  notANode: (url: string, status: number) =>
    new AspenError(
      "NODE_UNREACHABLE",
      `what answers at ${url} is not an Aspen node (HTTP ${status}); give the address of one`,
      { url, status },
    ),
  answerTooLarge: (method: string, limit: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the answer to ${quoted(method)} is over ${limit} bytes; ask for less at once`,
      {
        method: cut(method),
        limit,
      },
    ),
  nodeAddress: (problem: string) =>
    new AspenError("INVALID_PARAMS", `the address of the node ${problem}; give one such as http://127.0.0.1:7070`, {
      field: "url",
    }),
  requestIdInvalid: (id: string) =>
    new AspenError(
      "INVALID_PARAMS",
      `${quoted(id)} cannot be a request id; use 1 to 128 letters, digits and characters of "._:-"`,
      { field: "requestId" },
    ),
  notJson: (method: string, cause: unknown) =>
    new AspenError("INVALID_PARAMS", `the params of ${quoted(method)} cannot be sent as JSON: ${reason(cause)}`, {
      method: cut(method),
      field: "(root)",
    }),
  cancelled: (method: string) =>
    new AspenError("CANCELLED", `the call of ${quoted(method)} was cancelled by its caller`, {
      method: cut(method),
    }),
  internal: (requestId: string, cause: unknown) =>
    new AspenError(
      "INTERNAL",
      `the node failed while it handled request ${requestId}; its log has the details under this id`,
      { requestId },
      thrownError(cause),
    ),
} as const;

/** A node that serves a method. */
export interface ServingNode {
  id: string;
  address: string | null;
}

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

/** The innermost reason: fetch hides a refused connection in its cause. */
function reason(error: unknown): string {
  if (typeof error !== "object" || error === null) return String(error);
  const { cause, code, message } = error as { cause?: unknown; code?: unknown; message?: unknown };
  if (cause) return reason(cause);
  return typeof code === "string" ? code : String(message || error);
}
