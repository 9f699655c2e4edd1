import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type AspenError, isAspenError } from "@aspen/plugin-api";
import { type Dispatcher, LOCAL_CALLER, rpcErrors } from "@aspen/rpc-core";
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { Logger } from "pino";
import { nodeErrors } from "../errors.js";
import { refuseForeign } from "./authority.js";
import { errorBody, JSON_TYPE } from "./error-body.js";
import type { Exchange } from "./exchange.js";
import { bodyParams, resultBody } from "./json-body.js";
import { skipShortBody } from "./linger.js";

/** What there is, and the verbs for it. */
const PATHS = [
  { path: /^\/healthz$/, allow: "GET, HEAD" },
  { path: /^\/rpc\/[^/]+$/, allow: "POST" },
];

export interface AppOptions {
  /** Null while the node is starting. */
  dispatcher: () => Pick<Dispatcher, "dispatch"> | null;
  exchangeOf: (request: IncomingMessage, response: ServerResponse) => Exchange | undefined;
  isStopping: () => boolean;
  /** Answers wait for it. */
  held: () => Promise<void> | null;
  log: Logger;
  /** Most bytes of a body. */
  bodyBytes: number;
  /** Longest time to answer a request, in milliseconds. */
  requestTimeoutMs: number;
}

/** What the HTTP front answers: `POST /rpc/<method>` and `GET /healthz`. */
export function createApp(options: AppOptions): FastifyInstance {
  const { log, bodyBytes, requestTimeoutMs } = options;
  const server = fastify({
    // The framework's own news are none of the node's; what it warns of is.
    loggerInstance: log.child({}, { level: log.isLevelEnabled("info") ? "warn" : log.level }) as FastifyBaseLogger,
    childLoggerFactory: (_logger, bindings, options) => log.child(bindings, options) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    bodyLimit: bodyBytes,
    genReqId: requestId,
    requestIdHeader: false,
    routerOptions: { maxParamLength: 1024 },
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => sendError(request, reply, nodeErrors.badRequest(error.message)),
  });

  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, request, reply) => {
    const over = options.exchangeOf(request.raw, reply.raw)?.signal;
    const stopped = over?.aborted && isAspenError(over.reason) ? over.reason : error;
    return sendError(request, reply, toAspenError(stopped, request.id, bodyBytes));
  });
  server.setNotFoundHandler(refusePath);
  server.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    refuseForeign(request.raw);
    // Before a body is read: what is refused anyway need not be sent.
    if (request.is404) refusePath(request, reply);
    if (Number(request.headers["content-length"] ?? 0) > bodyBytes) throw nodeErrors.bodyTooLarge(bodyBytes);
    if (isUnmet(request)) throw nodeErrors.expectationFailed(String(request.headers.expect));
    if (options.dispatcher() === null) {
      reply.header("retry-after", "1");
      throw nodeErrors.starting();
    }
    // Every body is read as JSON, whatever its sender calls it; a header that cannot be read is no reason to refuse.
    if (request.headers["content-type"] !== undefined) request.headers["content-type"] = "application/json";
  });
  server.addHook("preParsing", async (request, reply) => {
    if (request.headers.expect !== undefined && request.raw.httpVersion === "1.1") reply.raw.writeContinue();
  });
  server.addHook("onSend", async (request, reply) => {
    if (reply.statusCode >= 400) await skipShortBody(request.raw);
    await options.held();
  });

  server.get("/healthz", () => ({ status: options.isStopping() ? "draining" : "ok" }));
  server.post<{ Params: { method: string } }>("/rpc/:method", async (request, reply) => {
    const started = performance.now();
    const { method } = request.params;
    const params = bodyParams(request.body instanceof Uint8Array ? request.body : new Uint8Array());
    const { signal } = options.exchangeOf(request.raw, reply.raw)!;
    const deadline = performance.now() + requestTimeoutMs;
    const context = { requestId: request.id, caller: LOCAL_CALLER, signal, deadline, takesJsonBytes: true };
    const result = await options.dispatcher()!.dispatch({ method, params }, context);
    request.log.debug({ method, ms: performance.now() - started }, "answered");
    return reply.type(JSON_TYPE).send(resultBody(result));
  });
  return server;
}

function requestId(request: { headers: Record<string, string | string[] | undefined> }): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : randomUUID();
}

/** True for an expectation other than the one that Node knows. HTTP/1.0 has none. */
function isUnmet({ headers, raw }: FastifyRequest): boolean {
  return (
    headers.expect !== undefined && raw.httpVersion === "1.1" && !/(?:^|\W)100-continue(?:$|\W)/i.test(headers.expect)
  );
}

/** @throws AspenError `METHOD_NOT_FOUND`, `VERB_NOT_ALLOWED` */
function refusePath(request: FastifyRequest, reply: FastifyReply): never {
  const path = request.url.split("?", 1)[0]!;
  const known = PATHS.find((it) => it.path.test(path));
  if (!known) throw nodeErrors.noRoute(`${request.method} ${request.url.slice(0, 128)}`);
  reply.header("allow", known.allow);
  throw nodeErrors.verbNotAllowed(request.method, path.slice(0, 128), known.allow);
}

function toAspenError(error: unknown, requestId: string, bodyBytes: number): AspenError {
  if (isAspenError(error)) return error;
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return nodeErrors.bodyTooLarge(bodyBytes);
  if (statusCode !== undefined && statusCode < 500) return nodeErrors.badRequest(message ?? "it is malformed");
  return rpcErrors.internal(requestId, error);
}

/** What a plugin does wrong is in its own log already. The stack of this process explains only its own defects. */
const PLUGIN_FAULTS = new Set(["PLUGIN_TRAP", "PLUGIN_TIMEOUT", "PLUGIN_OUT_OF_MEMORY", "PLUGIN_INVALID_RESPONSE"]);

function levelOf({ code, status, details }: AspenError): "error" | "warn" | "debug" {
  if (code === "INTERNAL") return "error";
  return status.user || PLUGIN_FAULTS.has(code) || details?.status === "starting" ? "debug" : "warn";
}

function sendError(request: FastifyRequest, reply: FastifyReply, error: AspenError) {
  const { code, status } = error;
  const { method } = (request.params ?? {}) as { method?: string };
  request.log[levelOf(error)](
    code === "INTERNAL" ? { err: error, code, method } : { reason: error.message, code, method },
    "refused",
  );
  reply.header("x-request-id", request.id).code(status.http).type(JSON_TYPE);
  return reply.send(errorBody(error, request.id));
}
