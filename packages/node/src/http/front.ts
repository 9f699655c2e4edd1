import type { IncomingMessage, ServerResponse } from "node:http";
import { type AspenError, errorStatus, isAspenError, thrownError } from "@aspen/plugin-api";
import { type Caller, type Dispatcher, ResultStream } from "@aspen/rpc-core";
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { Logger } from "pino";
import { type Forwarded, forwardedBy } from "../cluster/forward-headers.js";
import { forwardedCaller } from "../cluster/node-trust.js";
import { nodeErrors } from "../errors.js";
import { answerBatch } from "./batch.js";
import type { Callers } from "./caller.js";
import { errorBody, errorHeaders, JSON_TYPE } from "./error-body.js";
import type { Exchange } from "./exchange.js";
import { isExpectant, isUnmet } from "./expectation.js";
import { logRefusal, withCode } from "./failure.js";
import { gzipped, takesGzip } from "./gzip.js";
import { bodyParams, resultBody } from "./json-body.js";
import { skipShortBody } from "./linger.js";
import { NDJSON_TYPE, ndjson, takesNdjson } from "./ndjson.js";
import { requestIdOf } from "./request-id.js";
import { contextOf, endedBy, type RpcRoutes } from "./rpc-call.js";
import { wayOf } from "./way.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Set when the request is let in. */
    caller: Caller;
    forwarded: Forwarded;
  }
}

/** Says that the process is alive, to anybody. */
const HEALTH = "/healthz";

/** What there is, and the verbs for it. */
const PATHS = [
  { path: /^\/healthz$/, allow: "GET, HEAD" },
  { path: /^\/rpc(\/[^/]+)?$/, allow: "POST" },
];

export interface AppOptions {
  /** Null while the node is starting. */
  dispatcher: () => Pick<Dispatcher, "dispatch"> | null;
  callers: Callers;
  exchangeOf: (request: IncomingMessage, response: ServerResponse) => Exchange | undefined;
  isStopping: () => boolean;
  /** Answers wait for it. */
  held: () => Promise<void> | null;
  log: Logger;
  /** Most bytes of a body. */
  bodyBytes: number;
  /** Least bytes of an answer that is compressed for a client that takes it. */
  gzipBytes: number;
  /** Longest time to answer a request, in milliseconds. */
  requestTimeoutMs: number;
}

/** What the HTTP front answers: `POST /rpc/<method>`, `POST /rpc` and `GET /healthz`. */
export function createApp(options: AppOptions): FastifyInstance {
  const { log, bodyBytes, gzipBytes, requestTimeoutMs } = options;
  const server = fastify({
    // The framework's own news are none of the node's; what it warns of is.
    loggerInstance: log.child({}, { level: log.isLevelEnabled("info") ? "warn" : log.level }) as FastifyBaseLogger,
    childLoggerFactory: (_logger, bindings, options) => log.child(bindings, options) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    bodyLimit: bodyBytes,
    genReqId: requestIdOf,
    requestIdHeader: false,
    routerOptions: { maxParamLength: 1024 },
    return503OnClosing: false,
    // No route has a schema of the framework's, so its compilers, over 100 files, are not loaded.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    frameworkErrors: (error, request, reply) => sendError(request, reply, nodeErrors.badRequest(error.message)),
  });

  server.decorateRequest("caller", null as never);
  server.decorateRequest("forwarded", null as never);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, request, reply) => {
    const exchange = options.exchangeOf(request.raw, reply.raw);
    const ended = exchange ? endedBy(exchange, error) : error;
    return sendError(request, reply, toAspenError(ended, request.id, bodyBytes));
  });
  server.setNotFoundHandler(refusePath);
  server.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    const isRpc = !request.is404 && request.routeOptions.url !== HEALTH;
    if (!isRpc || options.dispatcher() === null) options.callers.senderOf(request.raw);
    // Until the features are there, nobody knows which paths there are.
    if (options.dispatcher() === null) {
      reply.header("retry-after", "1");
      throw nodeErrors.starting();
    }
    // Before a body is read: what is refused anyway need not be sent.
    if (request.is404) refusePath(request, reply);
    if (isRpc) {
      request.forwarded = forwardedBy(request.headers);
      const { caller } = request.forwarded;
      const sender = await options.callers.of(request.raw);
      request.caller = caller ? forwardedCaller(sender, caller) : sender;
    }
    if (Number(request.headers["content-length"] ?? 0) > bodyBytes) throw nodeErrors.bodyTooLarge(bodyBytes);
    if (isUnmet(request.raw)) throw nodeErrors.expectationFailed(String(request.headers.expect));
    // Every body is read as JSON, whatever its sender calls it; a header that cannot be read is no reason to refuse.
    if (request.headers["content-type"] !== undefined) request.headers["content-type"] = "application/json";
  });
  server.addHook("preParsing", async (request, reply) => {
    if (isExpectant(request.raw)) reply.raw.writeContinue();
  });
  server.addHook("onSend", async (request, reply) => {
    if (reply.statusCode >= 400) await skipShortBody(request.raw);
    await options.held();
  });
  server.addHook("onSend", async (request, reply, payload) => {
    // Streams go as they come, and on this machine's own socket there is nothing to gain.
    if (!(typeof payload === "string" || payload instanceof Buffer) || payload.length < gzipBytes) return payload;
    const vary = reply.raw.getHeader("vary");
    reply.header("vary", vary === undefined ? "accept-encoding" : `${vary}, accept-encoding`);
    if (!takesGzip(request.raw.headers) || wayOf(request.raw.socket) === "unix") return payload;
    reply.header("content-encoding", "gzip");
    return gzipped(payload);
  });

  const routesOf = (request: FastifyRequest, reply: FastifyReply): RpcRoutes => ({
    dispatcher: options.dispatcher()!,
    exchange: options.exchangeOf(request.raw, reply.raw)!,
    requestTimeoutMs,
  });
  server.get(HEALTH, () => ({ status: options.isStopping() ? "draining" : "ok" }));
  server.post<{ Params: { method: string } }>("/rpc/:method", async (request, reply) => {
    const started = performance.now();
    const { method } = request.params;
    const params = bodyParams(request.body instanceof Uint8Array ? request.body : new Uint8Array());
    const routes = routesOf(request, reply);
    const context = contextOf(request, routes);
    const takesStream = takesNdjson(request.headers.accept);
    const result = await routes.dispatcher.dispatch({ method, params }, { ...context, takesStream });
    request.log.debug({ method, ms: performance.now() - started }, "answered");
    if (!(result instanceof ResultStream)) return reply.type(JSON_TYPE).send(resultBody(method, result));
    const { exchange } = routes;
    const parts = { method, requestId: request.id, exchange, log: request.log as Logger };
    return reply.type(NDJSON_TYPE).send(await ndjson(result, parts));
  });
  server.post("/rpc", async (request, reply) => {
    const started = performance.now();
    const body = await answerBatch(request, routesOf(request, reply));
    request.log.debug({ batch: true, ms: performance.now() - started }, "answered");
    return reply.type(JSON_TYPE).send(body);
  });
  return server;
}

/** @throws AspenError `METHOD_NOT_FOUND`, `VERB_NOT_ALLOWED` */
function refusePath(request: FastifyRequest, reply: FastifyReply): never {
  const path = request.url.split("?", 1)[0]!;
  const known = PATHS.find((it) => it.path.test(path));
  if (!known) throw nodeErrors.noRoute(`${request.method} ${request.url.slice(0, 128)}`);
  reply.header("allow", known.allow);
  throw nodeErrors.verbNotAllowed(request.method, path.slice(0, 128), known.allow);
}

function noSchemas(): never {
  throw new Error("no route of the node has a schema of the framework's");
}

function toAspenError(error: unknown, requestId: string, bodyBytes: number): AspenError {
  if (isAspenError(error)) return error;
  const { code, statusCode, message } = thrownError(error) as Error & { code?: string; statusCode?: number };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return nodeErrors.bodyTooLarge(bodyBytes);
  if (statusCode !== undefined && statusCode < 500) return nodeErrors.badRequest(message ?? "it is malformed");
  return withCode(error, requestId);
}

function sendError(request: FastifyRequest, reply: FastifyReply, error: AspenError) {
  const { method } = (request.params ?? {}) as { method?: string };
  logRefusal(request.log, error, { method });
  reply.header("x-request-id", request.id).code(errorStatus(error).http).type(JSON_TYPE);
  return reply.headers(errorHeaders(error)).send(errorBody(error, request.id));
}
