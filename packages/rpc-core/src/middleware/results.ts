import { rpcErrors } from "../errors.js";
import type { HandlerRegistry } from "../registry.js";
import { ResultStream } from "../result-stream.js";
import { issueField } from "../standard-schema.js";
import type { Middleware } from "./middleware.js";

/**
 * Holds every result against the schema of its method: for tests and development, as validation takes time with each
 * call. The result itself passes as it is.
 *
 * Its error: `INTERNAL` naming the method and the fields.
 */
export function resultMiddleware(registry: Pick<HandlerRegistry, "find">): Middleware {
  return async (request, context, next) => {
    const { method } = request;
    const schema = registry.find(method)?.method?.(method)?.result;
    const result = await next(request, context);
    // Its items are no result.
    if (result instanceof ResultStream) return result;
    const checked = await schema?.["~standard"].validate(result);
    if (!checked?.issues) return result;
    throw rpcErrors.invalidResult(
      method,
      checked.issues.map((issue) => ({ field: issueField(issue), rule: issue.message })),
    );
  };
}
