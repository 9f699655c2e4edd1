import type { IncomingMessage, ServerResponse } from "node:http";
import { type AspenError, errorStatus, isAspenError, thrownError } from "@aspen/plugin-api";
import { type Caller, type Dispatcher, ResultStream } from "@aspen/rpc-core";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from "fastify";
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
import { RequestLog } from "./request-log.js";
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
    // The framework's own news are none of the node's, and to have them it listens to each answer; what it warns of is.
    logger: false,
    childLoggerFactory: (_logger, bindings, options) => new RequestLog(log, bindings, options),
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
  // Every body is read as JSON, see below. By its name the framework finds the parser at once.
  for (const type of ["application/json", "*"])
    server.addContentTypeParser(type, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, request, reply) => {
    const exchange = options.exchangeOf(request.raw, reply.raw);
    const ended = exchange ? endedBy(exchange, error) : error;
    sendError(request, reply, toAspenError(ended, request.id, bodyBytes));
  });
  server.setNotFoundHandler(refusePath);
  // The hooks do at once what can be done at once: a promise for each costs a request as much as what they do.
  server.addHook("onRequest", (request, reply, done) => {
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
    const checkBody = () => {
      if (Number(request.headers["content-length"] ?? 0) > bodyBytes) throw nodeErrors.bodyTooLarge(bodyBytes);
      if (isUnmet(request.raw)) throw nodeErrors.expectationFailed(String(request.headers.expect));
      // Every body is read as JSON, whatever its sender calls it; a header that cannot be read is no reason to refuse.
      if (request.headers["content-type"] !== undefined) request.headers["content-type"] = "application/json";
      if (isExpectant(request.raw)) reply.raw.writeContinue();
    };
    const letIn = (sender: Caller) => {
      const { caller } = request.forwarded;
      request.caller = caller ? forwardedCaller(sender, caller) : sender;
      checkBody();
    };
    if (!isRpc) {
      checkBody();
      return done();
    }
    request.forwarded = forwardedBy(request.headers);
    const sender = options.callers.of(request.raw);
    if (sender instanceof Promise) return void sender.then(letIn).then(() => done(), done);
    letIn(sender);
    done();
  });

  /** The body of an answer when it may be sent: at once, for the most. */
  const sendable = (request: FastifyRequest, reply: FastifyReply, body: string | Buffer) => {
    if (options.held() === null && body.length < gzipBytes) return body;
    return (async () => {
      await options.held();
      return body.length < gzipBytes ? body : compressed(request, reply, body);
    })();
  };
  const sendError = (request: FastifyRequest, reply: FastifyReply, error: AspenError) => {
    const { method } = (request.params ?? {}) as { method?: string };
    logRefusal(request.log, error, { method });
    const send = async () => {
      await skipShortBody(request.raw);
      reply.header("x-request-id", request.id).code(errorStatus(error).http).type(JSON_TYPE);
      reply.headers(errorHeaders(error)).send(await sendable(request, reply, errorBody(error, request.id)));
    };
    send().catch((failure: unknown) => {
      request.log.error({ err: thrownError(failure) }, "an answer failed");
      reply.raw.destroy();
    });
  };

  const routesOf = (request: FastifyRequest, reply: FastifyReply): RpcRoutes => ({
    dispatcher: options.dispatcher()!,
    exchange: options.exchangeOf(request.raw, reply.raw)!,
    requestTimeoutMs,
  });
  server.get(HEALTH, async (request, reply) => {
    reply.type(JSON_TYPE);
    return sendable(request, reply, JSON.stringify({ status: options.isStopping() ? "draining" : "ok" }));
  });
  server.post<{ Params: { method: string } }>("/rpc/:method", async (request, reply) => {
    const started = performance.now();
    const { method } = request.params;
    const params = bodyParams(request.body instanceof Uint8Array ? request.body : new Uint8Array());
    const routes = routesOf(request, reply);
    const context = contextOf(request, routes, takesNdjson(request.headers.accept));
    const result = await routes.dispatcher.dispatch({ method, params }, context);
    request.log.debug({ method, ms: performance.now() - started }, "answered");
    if (!(result instanceof ResultStream)) {
      reply.type(JSON_TYPE);
      // To be given the reply itself, the framework would wait for its end.
      return sendable(request, reply, resultBody(method, result));
    }
    const { exchange } = routes;
    const parts = { method, requestId: request.id, exchange, log: request.log as Logger };
    const lines = await ndjson(result, parts);
    await options.held();
    reply.type(NDJSON_TYPE);
    return lines;
  });
  server.post("/rpc", async (request, reply) => {
    const started = performance.now();
    const body = await answerBatch(request, routesOf(request, reply));
    request.log.debug({ batch: true, ms: performance.now() - started }, "answered");
    reply.type(JSON_TYPE);
    return sendable(request, reply, body);
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

async function compressed(request: FastifyRequest, reply: FastifyReply, body: string | Buffer) {
  const vary = reply.raw.getHeader("vary");
  reply.header("vary", vary === undefined ? "accept-encoding" : `${vary}, accept-encoding`);
  // On this machine's own socket there is nothing to gain.
  if (!takesGzip(request.raw.headers) || wayOf(request.raw.socket) === "unix") return body;
  reply.header("content-encoding", "gzip");
  return gzipped(body);
}
