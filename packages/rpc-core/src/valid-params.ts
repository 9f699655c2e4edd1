import { rpcErrors } from "./errors.js";
import { JsonBytes } from "./json-bytes.js";
import type { Method } from "./method.js";
import { parseParams } from "./parse-params.js";
import { issueField, type StandardResult } from "./standard-schema.js";

/** Most problems that one error names. */
const PROBLEMS_MAX = 20;

/** Params that a method has validated, on their way to it. */
export class ValidParams {
  constructor(
    /** Whose schema has validated them. */
    readonly method: Method,
    /** What was sent. */
    readonly sent: unknown,
    /** What the schema made of it. */
    readonly value: unknown,
  ) {}
}

/**
 * The params of a request as they were sent, for a middleware: in a request they may be `JsonBytes` or `ValidParams`.
 *
 * @throws AspenError as `parseParams` does
 */
export function sentParams(params: unknown): unknown {
  if (params instanceof ValidParams) return params.sent;
  return params instanceof JsonBytes ? parseParams(params) : params;
}

/**
 * Validates the params of a request, once: those that `method` itself has validated pass. Answers at once unless the schema
 * has to wait.
 *
 * @throws AspenError `INVALID_PARAMS` naming the fields, or as `parseParams` does
 */
export function validated(name: string, method: Method, params: unknown): ValidParams | Promise<ValidParams> {
  if (params instanceof ValidParams && params.method === method) return params;
  const sent = sentParams(params);
  const result = method.params["~standard"].validate(sent ?? {});
  const take = (it: StandardResult<unknown>) => taken(name, method, sent, it);
  return "then" in result ? result.then(take) : take(result);
}

function taken(name: string, method: Method, sent: unknown, result: StandardResult<unknown>): ValidParams {
  if (!result.issues) return new ValidParams(method, sent, result.value);
  const problems = result.issues
    .slice(0, PROBLEMS_MAX)
    .map((issue) => ({ field: issueField(issue), rule: issue.message }));
  throw rpcErrors.invalidParams(name, problems);
}
