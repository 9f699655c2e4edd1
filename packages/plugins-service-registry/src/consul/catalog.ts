import type { Instance } from "../records/instance.js";
import { ConsulError } from "./consul-error.js";
import { type ConsulParts, instanceOfId, type Route, seen } from "./consul-parts.js";
import type { ConsulRequest } from "./consul-request.js";
import { ofAll, ofService } from "./health.js";
import { anyCase, registrationOf, text } from "./registration.js";
import { catalogEntry, NODE_ADDRESS_KEY, NODE_KEY, nodeNameOf } from "./shapes.js";

/** `/v1/catalog/…` */
export const CATALOG_ROUTES: Readonly<Record<string, Route>> = {
  "GET catalog/datacenters": async (_request, { self }) => ({ body: [self.datacenter] }),
  "GET catalog/services": async (request, parts) => {
    const { index, body } = await ofAll(request, parts, (instances) => instances);
    const tags = new Map<string, Set<string>>();
    for (const { service, tags: own } of body as Instance[]) {
      const found = tags.get(service) ?? new Set();
      for (const tag of own) found.add(tag);
      tags.set(service, found);
    }
    return { index: index!, body: Object.fromEntries([...tags].map(([name, found]) => [name, [...found].sort()])) };
  },
  "GET catalog/service/:service": (request, parts) =>
    ofService(request, parts, (instances, index) => {
      const tags = request.query.getAll("tag");
      return instances
        .filter((instance) => tags.every((tag) => instance.tags.includes(tag)))
        .map((instance) => catalogEntry(instance, parts.self, index));
    }),
  "GET catalog/nodes": (request, parts) =>
    ofAll(request, parts, (instances, index) => {
      const names = [...new Set([parts.self.node, ...instances.map((one) => nodeNameOf(one, parts.self))])].sort();
      return names.map((Node) => ({
        ...{ ID: "", Node, Address: addressOf(Node, instances, parts), Datacenter: parts.self.datacenter },
        ...{ TaggedAddresses: {}, Meta: {}, CreateIndex: index, ModifyIndex: index },
      }));
    }),
  "PUT catalog/register": register,
  "PUT catalog/deregister": deregister,
};

function addressOf(node: string, instances: readonly Instance[], { self }: ConsulParts): string {
  if (node === self.node) return self.address;
  const one = instances.find((instance) => nodeNameOf(instance, self) === node)!;
  return one.metadata[NODE_ADDRESS_KEY] ?? one.address;
}

/** A service that no agent looks after; its checks are what is said of them. */
async function register(request: ConsulRequest, parts: ConsulParts) {
  const body = anyCase(await request.json());
  const node = text(body, "Node");
  const address = text(body, "Address");
  if (!node || !address) throw new ConsulError(400, "Must provide node and address");
  const service = body.get("service");
  if (typeof service !== "object" || service === null) {
    throw new ConsulError(400, "A node without a service is not kept; name a Service");
  }
  const checks = [...[body.get("check")].filter(Boolean), ...((body.get("checks") ?? []) as unknown[])];
  const wanted = registrationOf({ ...(service as object), Checks: checks }, address, null);
  const metadata = { ...wanted.metadata, [NODE_KEY]: node, [NODE_ADDRESS_KEY]: address };
  await parts.clientOf(request.caller).call("service.register", { ...wanted, metadata });
  await seen(wanted.service, parts, request.signal);
  return { body: true };
}

async function deregister(request: ConsulRequest, parts: ConsulParts) {
  const body = anyCase(await request.json());
  const node = text(body, "Node");
  if (!node) throw new ConsulError(400, "Must provide node");
  const id = text(body, "ServiceID");
  const of = (instance: Instance) => nodeNameOf(instance, parts.self) === node;
  const gone = id
    ? [await instanceOfId(id, parts, request.signal)].filter(of)
    : parts.view.services().flatMap((service) => service.list().filter(of));
  for (const { service, id, fencingToken } of gone) {
    await parts.clientOf(request.caller).call("service.deregister", { service, id, fencingToken });
    await seen(service, parts, request.signal);
  }
  return { body: true };
}
