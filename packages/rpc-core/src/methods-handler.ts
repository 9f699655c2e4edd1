import { describeAccess } from "./access.js";
import { rpcErrors } from "./errors.js";
import type { HandlerFactory, MethodDescription, RequestHandler } from "./handler.js";
import { jsonSchemaOf } from "./json-schema.js";
import type { Method, MethodTable } from "./method.js";
import { ResultStream } from "./result-stream.js";
import { ValidParams, validated } from "./valid-params.js";

export interface MethodsHandlerOptions {
  name: string;
  priority: number;
  /** By their full names. */
  methods: MethodTable;
}

/** A handler of a fixed table of methods. */
export function methodsHandler({ name, priority, methods }: MethodsHandlerOptions): RequestHandler {
  const table = new Map(Object.entries(methods));
  return {
    name,
    priority,
    methods: [...table].map(([name, method]) => description(name, method)),
    canHandle: (name) => table.has(name),
    method: (name) => table.get(name),
    takesJsonBytes: true,
    async handle(request, context) {
      const found = table.get(request.method);
      if (!found) throw rpcErrors.methodNotFound(request.method);
      const valid = validated(request.method, found, request.params);
      const { value } = valid instanceof ValidParams ? valid : await valid;
      if (found.stream && context.takesStream) return new ResultStream(found.stream.items(value, context));
      return found.handle(value, context);
    },
  };
}

export interface MethodsHandlerFactoryOptions extends Omit<MethodsHandlerOptions, "methods"> {
  /** Makes the table, at start. */
  methods(): MethodTable | Promise<MethodTable>;
}

/** A factory of such a handler: name and priority are said once. */
export function methodsHandlerFactory({ methods, ...rest }: MethodsHandlerFactoryOptions): HandlerFactory {
  return { ...rest, create: async () => methodsHandler({ ...rest, methods: await methods() }) };
}

/** Its JSON Schemas are made when somebody asks for them. */
function description(name: string, { summary, access, safe, params, result, stream }: Method): MethodDescription {
  return {
    method: name,
    summary,
    access: describeAccess(name, access),
    safe,
    streams: stream !== undefined,
    get params() {
      return jsonSchemaOf(params, "input");
    },
    get result() {
      return jsonSchemaOf(result, "output");
    },
    get item() {
      return jsonSchemaOf(stream?.item, "output");
    },
  };
}
