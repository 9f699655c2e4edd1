import { rpcErrors } from "./errors.js";
import type { MethodDescription, RequestContext, RequestHandler } from "./handler.js";
import { issueField, type StandardSchema } from "./standard-schema.js";

/** One method of a handler. Make it with {@link method}, which infers the type of the params. */
export interface Method {
  summary: string;
  /** JSON Schema of the params, for `rpc.describe`. */
  paramsJsonSchema?: unknown;
  /** Validates the params, then answers. */
  run(name: string, params: unknown, context: RequestContext): Promise<unknown>;
}

export interface MethodOptions<Params> {
  /** One sentence on what it does. */
  summary: string;
  /** Any Standard Schema (zod, valibot, arktype) of the params. */
  params: StandardSchema<Params>;
  /** JSON Schema of the params, for `rpc.describe`. @default not described */
  paramsJsonSchema?: unknown;
  handle(params: Params, context: RequestContext): unknown;
}

/** A method whose params are validated before `handle` sees them; missing params count as `{}`. */
export function method<Params>(options: MethodOptions<Params>): Method {
  return {
    summary: options.summary,
    ...(options.paramsJsonSchema === undefined ? {} : { paramsJsonSchema: options.paramsJsonSchema }),
    async run(name, params, context) {
      const result = await options.params["~standard"].validate(params ?? {});
      if (!result.issues) return options.handle(result.value, context);
      throw rpcErrors.invalidParams(
        name,
        result.issues.slice(0, 20).map((issue) => ({ field: issueField(issue), rule: issue.message })),
      );
    },
  };
}

export interface MethodsHandlerOptions {
  name: string;
  priority: number;
  /** By their full names. */
  methods: Readonly<Record<string, Method>>;
}

/** A handler of a fixed table of methods. */
export function methodsHandler(options: MethodsHandlerOptions): RequestHandler {
  const table = new Map(Object.entries(options.methods));
  return {
    name: options.name,
    priority: options.priority,
    methods: [...table].map(([name, { summary, paramsJsonSchema }]): MethodDescription => {
      return paramsJsonSchema === undefined
        ? { method: name, summary }
        : { method: name, summary, params: paramsJsonSchema };
    }),
    canHandle: (name) => table.has(name),
    async handle(request, context) {
      const found = table.get(request.method);
      if (!found) throw rpcErrors.methodNotFound(request.method);
      return found.run(request.method, request.params, context);
    },
  };
}
