/** Request handlers, their registry, and dispatch by priority. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export { ALL_GRANTS, type Caller, type Grants, LOCAL_CALLER } from "./caller.js";
export { inProcessClient, type RpcCallOptions, type RpcClient } from "./client.js";
export { Dispatcher, type DispatcherOptions, type Middleware, type Next } from "./dispatcher.js";
export { type ParamProblem, rpcErrors } from "./errors.js";
export {
  type HandlerFactory,
  type MethodDescription,
  PRIORITY_RANGES,
  type RequestContext,
  type RequestHandler,
  type RpcRequest,
} from "./handler.js";
export { JsonBytes, parseParams } from "./json-bytes.js";
export {
  type Method,
  type MethodOptions,
  type MethodsHandlerOptions,
  method,
  methodsHandler,
} from "./methods-handler.js";
export { type DescribedMethod, HandlerRegistry, type ShadowedMethod } from "./registry.js";
export type { KnownMethod, ParamsOf, ResultOf, RpcMethods } from "./rpc-methods.js";
export type { StandardIssue, StandardResult, StandardSchema } from "./standard-schema.js";
