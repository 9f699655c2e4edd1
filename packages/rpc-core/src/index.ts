/** Request handlers, their registry, dispatch by priority, and a client in the same process. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export type { AccessNeeds, DescribedAccess, MethodAccess } from "./access.js";
export {
  ADMIN_GRANT,
  ALL_GRANTS,
  ANONYMOUS_CALLER,
  type Caller,
  type Grants,
  LOCAL_CALLER,
  NO_GRANTS,
  nodeCaller,
  tokenBehind,
} from "./caller.js";
export type { CallArguments, RpcCallOptions, RpcClient } from "./client.js";
export { Dispatcher, type DispatcherOptions } from "./dispatcher.js";
export { Ending } from "./ending.js";
export { EntryContext, type EntryContextParts } from "./entry-context.js";
export { type ParamProblem, rpcErrors, type ServingNode } from "./errors.js";
export { grantsKey, grantsMethod, includesGrants, intersectGrants } from "./grants.js";
export { type HandlerFactory, type MethodDescription, PRIORITY_RANGES, type RequestHandler } from "./handler.js";
export { type InProcessClientOptions, inProcessClient } from "./in-process-client.js";
export { JsonBytes } from "./json-bytes.js";
export {
  type Method,
  type MethodOptions,
  type MethodStream,
  type MethodsOf,
  type MethodTable,
  method,
} from "./method.js";
export {
  type MethodsHandlerFactoryOptions,
  type MethodsHandlerOptions,
  methodsHandler,
  methodsHandlerFactory,
} from "./methods-handler.js";
export { accessMiddleware } from "./middleware/access.js";
export type { Middleware, Next } from "./middleware/middleware.js";
export { inOrder, type OrderedMiddleware } from "./middleware/ordered.js";
export { resultMiddleware } from "./middleware/results.js";
export { parseParams } from "./parse-params.js";
export { type DescribedMethod, HandlerRegistry, type ShadowedMethod } from "./registry.js";
export type { RequestContext, RpcRequest } from "./request.js";
export { ResultStream, untilEnd } from "./result-stream.js";
export type { KnownMethod, ParamsOf, ResultOf, RpcMethods } from "./rpc-methods.js";
export type { InputOf, OutputOf, StandardIssue, StandardResult, StandardSchema } from "./standard-schema.js";
export { spanned, type TraceContext, type TraceSpan, type TraceSpanOptions } from "./trace.js";
export { sentParams } from "./valid-params.js";
export { fromWire, toBase64, toWire, type WireValue } from "./wire-value.js";
