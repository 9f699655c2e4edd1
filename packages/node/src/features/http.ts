import { type Authenticator, type HttpMount, type Meter, MIDDLEWARE_ORDER, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import type { Dispatcher } from "@aspen/rpc-core";
import { RPC } from "@aspen/rpc-core/module";
import { ContainerModule } from "inversify";
import { FrontService } from "../http/front-service.js";
import type { HttpFront } from "../http/http-front.js";
import { InFlight } from "../in-flight.js";

/**
 * Lets the front answer, as the last of the services: it is the first to be drained. Requests are counted in the
 * outermost middleware, so that a stop can wait for them and refuse new ones.
 *
 * @param meters what was measured before there were features
 */
export function frontModule(front: HttpFront, answerMs: number, meters: readonly Meter[]): ContainerModule {
  return new ContainerModule(({ bind }) => {
    const inFlight = new InFlight();
    bind(NODE.url).toConstantValue(front.url);
    bind(POINTS.middleware).toConstantValue({
      name: "drain",
      order: MIDDLEWARE_ORDER.drain,
      handle: inFlight.middleware,
    });
    bind(POINTS.service)
      .toResolvedValue<[Dispatcher, HttpMount[] | undefined, Authenticator[] | undefined, Logger]>(
        (dispatcher, mounts = [], authenticators = [], log) =>
          new FrontService({ front, inFlight, dispatcher, mounts, authenticators, log, answerMs }),
        [
          RPC.dispatcher,
          { serviceIdentifier: POINTS.httpMount, isMultiple: true, optional: true },
          { serviceIdentifier: POINTS.authenticator, isMultiple: true, optional: true },
          NODE.log,
        ],
      )
      .inSingletonScope();
    for (const meter of [...meters, ...front.callers.failed.meters]) bind(POINTS.meter).toConstantValue(meter);
    bind(POINTS.meter).toConstantValue({
      name: "aspen_node_requests_under_way",
      help: "Calls of methods that have no answer yet.",
      kind: "gauge",
      collect: () => [{ value: inFlight.count }],
    });
    bind(POINTS.meter).toConstantValue({
      name: "aspen_node_connections",
      help: "Connections of clients that are open.",
      kind: "gauge",
      collect: () => [{ value: front.connections.open }],
    });
    bind(POINTS.meter).toConstantValue({
      name: "aspen_node_connections_refused_total",
      help: "Connections that were closed at once, as there were too many.",
      kind: "counter",
      collect: () => [{ value: front.connections.refused }],
    });
    bind(POINTS.healthCheck).toConstantValue({
      name: "http",
      check: async () =>
        front.isStopping ? { state: "degraded", message: "the node is stopping" } : { state: "healthy" },
    });
  });
}
