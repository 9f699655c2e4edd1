import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authenticator, MountContext } from "@aspen/feature";
import { AGENT_ROUTES } from "./agent.js";
import { CATALOG_ROUTES } from "./catalog.js";
import { ConsulError, consulErrorOf } from "./consul-error.js";
import type { ConsulAnswer, ConsulParts, Route } from "./consul-parts.js";
import { type ConsulRequest, consulRequest } from "./consul-request.js";
import { HEALTH_ROUTES } from "./health.js";
import { kvRoute } from "./kv-routes.js";
import { SESSION_ROUTES } from "./session-routes.js";

const ROUTES = Object.entries({ ...AGENT_ROUTES, ...HEALTH_ROUTES, ...CATALOG_ROUTES, ...SESSION_ROUTES }).map(
  ([pattern, route]) => {
    const [method, path] = pattern.split(" ") as [string, string];
    return { method, parts: path.split("/"), route };
  },
);

/** Consul's HTTP API (https://developer.hashicorp.com/consul/api-docs), the part that its clients for services use. */
export class ConsulApi {
  constructor(
    private readonly parts: ConsulParts,
    private readonly authenticators: readonly Authenticator[],
  ) {}

  async handle(message: IncomingMessage, response: ServerResponse, context: MountContext): Promise<void> {
    let answer: ConsulAnswer;
    try {
      const request = await consulRequest(message, context, this.authenticators);
      const route = routeOf(request);
      await this.parts.view.ready(request.signal);
      answer = await route(request, this.parts);
    } catch (error) {
      const known = consulErrorOf(error);
      // The front logs what this does not know, and answers it.
      if (!known) throw error;
      if (known.status === 405) response.setHeader("allow", "GET, PUT, DELETE");
      return send(response, known.status, Buffer.from(known.message), "text/plain; charset=utf-8");
    }
    const { status = 200, body, index } = answer;
    if (index !== undefined) {
      response.setHeader("x-consul-index", String(index));
      response.setHeader("x-consul-knownleader", String(!this.parts.view.stale));
      response.setHeader("x-consul-lastcontact", "0");
    }
    if (Buffer.isBuffer(body)) return send(response, status, body, "application/octet-stream");
    if (body === undefined) return send(response, status, Buffer.alloc(0));
    send(response, status, Buffer.from(JSON.stringify(body)), "application/json");
  }
}

function send(response: ServerResponse, status: number, body: Buffer, type?: string): void {
  const headers = { "content-length": body.length, "x-content-type-options": "nosniff" };
  response.writeHead(status, type === undefined ? headers : { ...headers, "content-type": type });
  response.end(body);
}

/** @throws ConsulError 404, 405 */
function routeOf({ method, path }: ConsulRequest): Route {
  if (path[0] === "kv") {
    if (["GET", "PUT", "DELETE"].includes(method)) return kvRoute;
    throw new ConsulError(405, `method ${method} not allowed`);
  }
  const found = ROUTES.filter(
    ({ parts }) =>
      parts.length === path.length &&
      parts.every((part, at) => (part.startsWith(":") ? path[at] !== "" : part === path[at])),
  );
  if (found.length === 0) throw new ConsulError(404, "Invalid URL path: not served here");
  const route = found.find((one) => one.method === method);
  if (!route) throw new ConsulError(405, `method ${method} not allowed`);
  return route.route;
}
