import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import type { Dispatcher } from "@aspen/rpc-core";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { AuthSettings } from "../config/auth-config.js";
import { nodeErrors } from "../errors.js";
import { Callers } from "./caller.js";
import { ClientErrors } from "./client-errors.js";
import { Connections } from "./connections.js";
import { type Cors, cors } from "./cors.js";
import { Drain } from "./drain.js";
import { createApp } from "./front.js";
import { frontResponse } from "./front-response.js";
import { Listeners, type Lookup } from "./listeners.js";
import type { Mounts } from "./mounts.js";
import { refusalBytes } from "./refusal.js";
import type { TlsFiles, TlsIdentity } from "./tls.js";
import type { Way } from "./way.js";

/** Longest time to receive a request's headers, and between looks for requests that are late, in milliseconds. */
const HEADERS_MS = 60_000;
const LOOK_MS = 30_000;
/** Least time between two warnings of too many connections, in milliseconds. */
const WARN_MS = 10_000;
/** How long a connection without a request is kept, in milliseconds. */
const KEEP_ALIVE_MS = 72_000;

export interface HttpFrontOptions {
  listen: { host: string; port: number; socket?: string | undefined; tls?: TlsFiles | undefined };
  /** Finds the addresses of the host's name. @default the system's */
  lookup?: Lookup | undefined;
  log: Logger;
  /** Most bytes of a body. */
  bodyBytes: number;
  /** See `AppOptions`. */
  gzipBytes: number;
  /** Most connections at a time, on each address. */
  connections: number;
  /** Longest time in which a client takes nothing of its answer, in milliseconds. */
  stalledMs: number;
  /** Longest time to receive one request, and then to answer it, in milliseconds. */
  requestTimeoutMs: number;
  auth: AuthSettings;
}

/** The HTTP front of a node: one server for each address, all with the same ways. */
export class HttpFront implements AsyncDisposable {
  #dispatcher: Pick<Dispatcher, "dispatch"> | null = null;
  #mounts: Mounts | null = null;
  #closed: Promise<void> | null = null;
  readonly #connections = new Connections();
  readonly #clientErrors: ClientErrors;
  readonly #app: FastifyInstance;
  #listeners!: Listeners;
  #drain!: Drain;
  #tls: TlsIdentity | null = null;
  #warnedAt = Number.NEGATIVE_INFINITY;
  readonly #cors: Cors;
  /** Who sends requests. */
  readonly callers: Callers;

  private constructor(private readonly options: HttpFrontOptions) {
    const { log, bodyBytes, gzipBytes, requestTimeoutMs, auth } = options;
    this.callers = new Callers(auth);
    this.#cors = cors(auth.origins);
    this.#clientErrors = new ClientErrors(this.#connections, log, requestTimeoutMs);
    this.#app = createApp({
      dispatcher: () => this.#dispatcher,
      callers: this.callers,
      exchangeOf: (request, response) => this.#connections.exchangeOf(request, response),
      isStopping: () => this.isStopping,
      held: () => this.#drain.held,
      log,
      bodyBytes,
      gzipBytes,
      requestTimeoutMs,
    });
  }

  /**
   * Listens, so that a port which is taken is found before anything else is started. Until `serve` is called,
   * every request is answered that the node is starting.
   *
   * @throws AspenError `CONFIG_INVALID` when the port or the socket cannot be had, or the certificate cannot be used
   */
  static async open(options: HttpFrontOptions): Promise<HttpFront> {
    const front = new HttpFront(options);
    await front.#app.ready();
    const { log, lookup, auth } = options;
    const { socket, tls, ...address } = options.listen;
    if (tls) {
      // A node without a certificate does not need it.
      const { TlsIdentity } = await import("./tls.js");
      front.#tls = await TlsIdentity.open(tls, log);
    }
    try {
      front.#listeners = await Listeners.open({
        ...{ ...address, lookup, foreign: auth.on, scheme: tls ? "https" : "http" },
        createServer: () => front.#createServer(tls ? "tls" : "tcp"),
        socket: socket === undefined ? undefined : { path: socket, createServer: () => front.#createServer("unix") },
      });
    } catch (error) {
      front.#tls?.[Symbol.dispose]();
      throw error;
    }
    front.#drain = new Drain(front.#listeners, front.#connections);
    return front;
  }

  get url(): string {
    return this.#listeners.url;
  }

  /** Connections that are open, and those that were closed at once as there were too many. */
  get connections(): { open: number; refused: number } {
    const { size, refused } = this.#connections;
    return { open: size, refused };
  }

  /** True from the first moment of a stop. */
  get isStopping(): boolean {
    return this.#connections.ending;
  }

  /** Begins to answer methods and mounts. */
  serve(dispatcher: Pick<Dispatcher, "dispatch">, mounts: Mounts): void {
    this.#dispatcher = dispatcher;
    this.#mounts = mounts;
  }

  /** See `Drain.run`. */
  drain(underWay: Promise<unknown>, signal: AbortSignal): Promise<number> {
    return this.#drain.run(underWay, signal);
  }

  /** Answers who still waits that the node is stopping, and closes every connection within about a second. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#drain.finish();
    await this.#mounts?.settled();
    await this.#app.close();
    this.#tls?.[Symbol.dispose]();
  }

  #createServer(way: Way): Server {
    const { requestTimeoutMs, log } = this.options;
    const options: ServerOptions = {
      ServerResponse: frontResponse(this.#connections, this.options.stalledMs),
      // The front looks at `Host` itself: Node's own refusal has no body.
      requireHostHeader: false,
      insecureHTTPParser: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(HEADERS_MS, requestTimeoutMs),
      connectionsCheckingInterval: Math.max(50, Math.min(LOOK_MS, requestTimeoutMs / 4)),
    };
    const server = way === "tls" ? this.#tls!.createServer(options) : createServer(options);
    const handle = (request: IncomingMessage, response: ServerResponse) => this.#handle(request, response);
    server.maxConnections = this.options.connections;
    server.on("drop", () => this.#refuseConnection());
    server.on("connection", (socket) => this.#connections.take(socket));
    server.on(way === "tls" ? "secureConnection" : "connection", (socket) => this.#connections.add(socket, way));
    server.on("timeout", (socket) => this.#onSilence(socket));
    server.on("request", handle);
    // With these, Node neither asks for a body that will be refused nor refuses in a shape of its own.
    server.on("checkContinue", handle);
    server.on("checkExpectation", handle);
    server.on("connect", (request, socket) => this.#refuseTunnel(request, socket as Socket));
    server.on("clientError", (error, socket) => void this.#clientErrors.answer(error, socket as Socket));
    server.on("error", (error) => {
      if (server.listening) log.error({ err: error }, "the HTTP front failed");
    });
    return server;
  }

  /** There are too many connections. */
  #refuseConnection(): void {
    this.#connections.refuse();
    if (performance.now() - this.#warnedAt < WARN_MS) return;
    this.#warnedAt = performance.now();
    const { connections } = this.options;
    this.options.log.warn(
      { connections, refused: this.#connections.refused },
      "connections are closed: there are too many",
    );
  }

  /** Nothing has gone either way for a while. Who waits for his answer may do so; who does not take it may not. */
  #onSilence(socket: Socket): void {
    const waits = (this.#connections.of(socket)?.exchanges.length ?? 0) > 0;
    if (!waits || socket.writableLength > 0) socket.destroy();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.of(request.socket);
    if (!connection?.begin(request, response)) return void request.resume();
    if (this.#cors(request, response)) return void request.resume();
    const mount = this.#mounts?.find(request.url ?? "");
    if (!mount) return void this.#app.routing(request, response);
    const { signal } = connection.exchangeOf(response)!.ending;
    this.#mounts!.answer(mount, { request, response, callers: this.callers, signal, held: () => this.#drain.held });
  }

  #refuseTunnel(request: IncomingMessage, socket: Socket): void {
    const error = nodeErrors.verbNotAllowed("CONNECT", (request.url ?? "").slice(0, 128), "GET, HEAD, POST");
    this.#connections.of(socket)?.end(refusalBytes(error, randomUUID(), { allow: "GET, HEAD, POST" }));
  }
}
