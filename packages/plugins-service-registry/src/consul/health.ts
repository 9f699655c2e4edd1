import type { Instance } from "../records/instance.js";
import { parseFilterOf } from "./agent.js";
import { ConsulError } from "./consul-error.js";
import type { ConsulAnswer, ConsulParts, Route } from "./consul-parts.js";
import type { ConsulRequest } from "./consul-request.js";
import { checksOf, healthEntry, nodeNameOf, statusOf } from "./shapes.js";

const STATES = ["any", "passing", "warning", "critical"];

/** `/v1/health/…` */
export const HEALTH_ROUTES: Readonly<Record<string, Route>> = {
  "GET health/service/:service": (request, parts) =>
    ofService(request, parts, (instances, index) => {
      const passing = request.flag("passing");
      const tags = request.query.getAll("tag");
      return instances
        .filter((instance) => tags.every((tag) => instance.tags.includes(tag)))
        .map((instance) => healthEntry(instance, parts.self, index))
        .filter(({ Checks }) => !passing || statusOf(Checks) === "passing");
    }),
  "GET health/checks/:service": (request, parts) =>
    ofService(request, parts, (instances, index) => instances.flatMap((one) => checksOf(one, parts.self, index))),
  "GET health/state/:state": (request, parts) => {
    const state = request.path[2]!;
    if (!STATES.includes(state)) throw new ConsulError(400, `Unsupported state: ${state.slice(0, 64)}`);
    return ofAll(request, parts, (instances, index) =>
      instances
        .flatMap((instance) => checksOf(instance, parts.self, index))
        .filter(({ Status }) => state === "any" || Status === state),
    );
  },
  "GET health/node/:node": (request, parts) =>
    ofAll(request, parts, (instances, index) =>
      instances
        .filter((instance) => nodeNameOf(instance, parts.self) === request.path[2])
        .flatMap((instance) => checksOf(instance, parts.self, index)),
    ),
};

/** A blocking query about one service; only its own changes end the wait. */
export async function ofService(
  request: ConsulRequest,
  parts: ConsulParts,
  answer: (instances: readonly Instance[], index: number) => readonly unknown[],
): Promise<ConsulAnswer> {
  request.allow("service.discover");
  assertDatacenter(request, parts);
  const { view } = parts;
  const service = request.path[2]!;
  const filter = parseFilterOf(request);
  const blocking = request.blocking();
  const indexOf = () => view.indexOf(service);
  if (blocking) await view.changed(indexOf, blocking.index, blocking.waitMs, request.signal);
  const { index, instances } = view.state(service);
  return { index, body: answer(instances, index).filter(filter) };
}

/** The same about every service. */
export async function ofAll(
  request: ConsulRequest,
  parts: ConsulParts,
  answer: (instances: readonly Instance[], index: number) => readonly unknown[],
): Promise<ConsulAnswer> {
  request.allow("service.list");
  assertDatacenter(request, parts);
  const { view } = parts;
  const filter = parseFilterOf(request);
  const blocking = request.blocking();
  if (blocking) await view.changed(() => view.index, blocking.index, blocking.waitMs, request.signal);
  const { index } = view;
  const instances = view.services().flatMap((service) => service.list());
  return { index, body: answer(instances, index).filter(filter) };
}

export function assertDatacenter({ query }: ConsulRequest, { self }: ConsulParts): void {
  const wanted = query.get("dc");
  if (wanted !== null && wanted !== "" && wanted !== self.datacenter) {
    throw new ConsulError(500, "No path to datacenter");
  }
}
