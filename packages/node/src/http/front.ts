import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { type AspenError, isAspenError } from "@aspen/plugin-api";
import { type Dispatcher, rpcErrors } from "@aspen/rpc-core";
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { Logger } from "pino";
import { nodeErrors } from "../errors.js";
import { ClientErrors } from "./client-errors.js";
import { errorBody, JSON_TYPE } from "./error-body.js";
import { parseJsonBody } from "./json-body.js";
import { hostName, isLoopback, isSameOrigin } from "./loopback.js";

/** What there is, and the verbs for it. */
const PATHS = [
  { path: /^\/healthz$/, allow: "GET, HEAD" },
  { path: /^\/rpc\/[^/]+$/, allow: "POST" },
];

/** Longest time to receive a request's headers, and between looks for requests that are late, in milliseconds. */
const HEADERS_MS = 60_000;
const LOOK_MS = 30_000;

export interface HttpFrontOptions {
  dispatcher: Pick<Dispatcher, "dispatch">;
  log: Logger;
  /** Most bytes of a body. */
  bodyBytes: number;
  /** Longest time to receive one request, and then to answer it, in milliseconds. */
  requestTimeoutMs: number;
}

/** The HTTP front: `POST /rpc/<method>` and `GET /healthz`. It does not listen yet. */
export function httpFront(options: HttpFrontOptions): FastifyInstance {
  const { dispatcher, log, bodyBytes, requestTimeoutMs } = options;
  const clientErrors = new ClientErrors(log, requestTimeoutMs);
  const server = fastify({
    // The framework's own news are none of the node's; what it warns of is.
    loggerInstance: log.child({}, { level: log.isLevelEnabled("info") ? "warn" : log.level }) as FastifyBaseLogger,
    childLoggerFactory: (_logger, bindings, options) => log.child(bindings, options) as FastifyBaseLogger,
    requestTimeout: requestTimeoutMs,
    http: {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(HEADERS_MS, requestTimeoutMs),
      connectionsCheckingInterval: Math.max(50, Math.min(LOOK_MS, requestTimeoutMs / 4)),
    },
    clientErrorHandler: (error, socket) => clientErrors.answer(error, socket as Socket),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    bodyLimit: bodyBytes,
    genReqId: requestId,
    requestIdHeader: false,
    routerOptions: { maxParamLength: 1024 },
    return503OnClosing: false,
    forceCloseConnections: "idle",
    frameworkErrors: (error, request, reply) => sendError(request, reply, nodeErrors.badRequest(error.message)),
  });

  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, request, reply) =>
    sendError(request, reply, toAspenError(error, request.id, bodyBytes)),
  );
  server.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0]!;
    const known = PATHS.find((it) => it.path.test(path));
    if (!known) return sendError(request, reply, nodeErrors.noRoute(`${request.method} ${request.url.slice(0, 128)}`));
    reply.header("allow", known.allow);
    return sendError(request, reply, nodeErrors.verbNotAllowed(request.method, path.slice(0, 128), known.allow));
  });
  server.addHook("onRequest", async (request, reply) => {
    clientErrors.begin(request.raw.socket, reply.raw);
    reply.header("x-request-id", request.id);
    refuseForeign(request);
    // Every body is read as JSON, whatever its sender calls it; a header that cannot be read is no reason to refuse.
    if (request.headers["content-type"] !== undefined) request.headers["content-type"] = "application/json";
  });

  server.get("/healthz", () => ({ status: "ok" }));
  server.post<{ Params: { method: string } }>("/rpc/:method", async (request, reply) => {
    const started = performance.now();
    const { method } = request.params;
    const params = parseJsonBody(request.body instanceof Uint8Array ? request.body : new Uint8Array());
    const gone = new AbortController();
    reply.raw.once("close", () => {
      if (!reply.raw.writableFinished) gone.abort();
    });
    const context = { requestId: request.id, signal: gone.signal, deadline: Date.now() + requestTimeoutMs };
    const result = JSON.stringify((await dispatcher.dispatch({ method, params }, context)) ?? null);
    request.log.debug({ method, ms: performance.now() - started }, "answered");
    return reply.type(JSON_TYPE).send(result);
  });
  return server;
}

function requestId(request: { headers: Record<string, string | string[] | undefined> }): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : randomUUID();
}

/** Without authentication, a page in a browser must not reach the node: neither by a rebound name nor across sites. */
function refuseForeign(request: FastifyRequest): void {
  const authority = request.headers.host ?? "";
  const name = hostName(authority);
  if (name === null || !isLoopback(name)) throw nodeErrors.foreignHost(authority);
  const { origin } = request.headers;
  if (origin !== undefined && !isSameOrigin(origin, authority)) throw nodeErrors.foreignOrigin(origin);
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

function levelOf({ code, status }: AspenError): "error" | "warn" | "debug" {
  if (code === "INTERNAL") return "error";
  return status.user || PLUGIN_FAULTS.has(code) ? "debug" : "warn";
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
