import type { Health, Instance } from "../records/instance.js";
import { ConsulError } from "./consul-error.js";
import { type ConsulParts, instanceOfCheck, instanceOfId, type Route, seen } from "./consul-parts.js";
import type { ConsulRequest } from "./consul-request.js";
import { parseFilter } from "./filter.js";
import { anyCase, checkOf, healthFrom, registrationOf, text } from "./registration.js";
import { agentService, checksOf } from "./shapes.js";

/** `/v1/agent/…`: the registry stands for the agent of every node. */
export const AGENT_ROUTES: Readonly<Record<string, Route>> = {
  "GET agent/self": async (_request, { self }) => ({
    body: { Config: { Datacenter: self.datacenter, NodeName: self.node, Server: true }, Member: { Name: self.node } },
  }),
  "GET agent/services": async (request, parts) => ({ body: all(request, parts, (one) => [service(one, parts)]) }),
  "GET agent/checks": async (request, parts) => ({ body: all(request, parts, (one) => checks(one, parts)) }),
  "GET agent/service/:id": async (request, parts) => {
    request.allow("service.discover");
    return { body: agentService(await instanceOfId(request.path[2]!, parts, request.signal), parts.self) };
  },
  "PUT agent/service/register": register,
  "PUT agent/service/deregister/:id": deregister,
  "PUT agent/service/maintenance/:id": async (request, parts) => {
    const enable = request.query.get("enable");
    if (enable !== "true" && enable !== "false") throw new ConsulError(400, "Missing value for enable");
    const { service, id, fencingToken } = await instanceOfId(request.path[3]!, parts, request.signal);
    const health: Health = enable === "true" ? "critical" : "passing";
    await parts.clientOf(request.caller).call("service.update", { service, id, fencingToken, health });
    await seen(service, parts, request.signal);
    return {};
  },
  "PUT agent/check/register": async (request, parts) => {
    const body = await request.json();
    const id = text(anyCase(body), "ServiceID");
    if (!id) throw new ConsulError(400, "Missing ServiceID: checks of a node itself are not kept");
    const instance = await instanceOfId(id, parts, request.signal);
    const name = text(anyCase(body), "Name");
    if (!name) throw new ConsulError(400, "Missing check name");
    const added = checkOf(body, name, instance);
    await replaceChecks(request, parts, instance, [...instance.checks.filter((one) => one.id !== added.id), added]);
    return {};
  },
  "PUT agent/check/deregister/:id": async (request, parts) => {
    const [, , , id] = request.path as [string, string, string, string];
    const instance = await instanceOfCheck(id, parts, request.signal);
    await replaceChecks(
      request,
      parts,
      instance,
      instance.checks.filter((check) => check.id !== id),
    );
    return {};
  },
  "PUT agent/check/pass/:id": (request, parts) => say(request, parts, "passing", request.query.get("note") ?? ""),
  "PUT agent/check/warn/:id": (request, parts) => say(request, parts, "warning", request.query.get("note") ?? ""),
  "PUT agent/check/fail/:id": (request, parts) => say(request, parts, "critical", request.query.get("note") ?? ""),
  "PUT agent/check/update/:id": async (request, parts) => {
    const body = anyCase(await request.json());
    return await say(request, parts, healthFrom(text(body, "Status") ?? ""), text(body, "Output") ?? "");
  },
};

async function register(request: ConsulRequest, parts: ConsulParts) {
  const body = await request.json();
  const fields = anyCase(body);
  const name = text(fields, "Name") ?? "";
  const id = text(fields, "ID") || name;
  const before = parts.view.state(name).instances.find((instance) => instance.id === id) ?? null;
  const wanted = registrationOf(body, parts.self.address, before);
  await parts.clientOf(request.caller).call("service.register", wanted);
  await seen(wanted.service, parts, request.signal);
  return {};
}

async function deregister(request: ConsulRequest, parts: ConsulParts) {
  const { service, id, fencingToken } = await instanceOfId(request.path[3]!, parts, request.signal);
  await parts.clientOf(request.caller).call("service.deregister", { service, id, fencingToken });
  await seen(service, parts, request.signal);
  return {};
}

/** An instance whose checks others change at once keeps the changes of all: who is late decides again. */
async function replaceChecks(
  request: ConsulRequest,
  parts: ConsulParts,
  { service, id, fencingToken, revision }: Instance,
  wanted: readonly (Instance["checks"][number] | ReturnType<typeof checkOf>)[],
): Promise<void> {
  const kept = wanted.map((check) => {
    const { health, output: _output, ...definition } = { output: "", ...check };
    return { ...definition, ...(health === undefined ? {} : { health }) };
  });
  const update = { service, id, fencingToken, expect: revision, checks: kept };
  await parts.clientOf(request.caller).call("service.update", update);
  await seen(service, parts, request.signal);
}

async function say(request: ConsulRequest, parts: ConsulParts, health: Health, output: string) {
  const check = request.path[3]!;
  const { service, id, fencingToken } = await instanceOfCheck(check, parts, request.signal);
  const said = { service, id, fencingToken, check: { id: check, health, output } };
  await parts.clientOf(request.caller).call("service.update", said);
  return {};
}

/** An object of what the instances have, by its key. */
function all<T>(request: ConsulRequest, { view }: ConsulParts, of: (instance: Instance) => readonly [string, T][]) {
  request.allow("service.discover");
  const filter = parseFilterOf(request);
  const found = view.services().flatMap((service) => service.list().flatMap((instance) => [...of(instance)]));
  return Object.fromEntries(found.filter(([, value]) => filter(value)));
}

function service(instance: Instance, { self }: ConsulParts): [string, ReturnType<typeof agentService>] {
  return [instance.id, agentService(instance, self)];
}

function checks(instance: Instance, { self, view }: ConsulParts): [string, ReturnType<typeof checksOf>[number]][] {
  const found = checksOf(instance, self, view.indexOf(instance.service));
  return found.map((check) => [check.CheckID, check] as const) as [string, (typeof found)[number]][];
}

export function parseFilterOf({ query }: ConsulRequest): (value: unknown) => boolean {
  const expression = query.get("filter");
  return expression === null || expression.trim() === "" ? () => true : parseFilter(expression);
}
