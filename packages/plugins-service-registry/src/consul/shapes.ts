import { type Check, type Health, type Instance, worstOf } from "../records/instance.js";
import { durationText } from "./duration.js";

/** What of an instance only Consul's clients know, in its metadata. */
export const NODE_KEY = "consul-node";
export const NODE_ADDRESS_KEY = "consul-node-address";

/** How this registry looks to clients that expect an agent on a node of a data centre. */
export interface ConsulIdentity {
  node: string;
  datacenter: string;
  address: string;
}

export function nodeNameOf({ metadata }: Instance, { node }: ConsulIdentity): string {
  return metadata[NODE_KEY] ?? node;
}

function nodeAddressOf({ metadata, address }: Instance, self: ConsulIdentity): string {
  return metadata[NODE_ADDRESS_KEY] ?? (metadata[NODE_KEY] === undefined ? self.address : address);
}

function metaOf({ metadata }: Instance): Record<string, string> {
  const { [NODE_KEY]: _node, [NODE_ADDRESS_KEY]: _address, ...meta } = metadata;
  return meta;
}

function weightsOf({ weight }: Instance) {
  return { Passing: weight, Warning: 1 };
}

/** Of `/v1/agent/services`. */
export function agentService(instance: Instance, { datacenter }: ConsulIdentity) {
  return {
    ...serviceFields(instance),
    ContentHash: `${instance.fencingToken}-${instance.revision}`,
    Datacenter: datacenter,
  };
}

function serviceFields(instance: Instance) {
  return {
    ID: instance.id,
    Service: instance.service,
    Tags: instance.tags,
    Meta: metaOf(instance),
    Port: instance.port ?? 0,
    Address: instance.address,
    Weights: weightsOf(instance),
    EnableTagOverride: false,
  };
}

function nodeFields(instance: Instance, self: ConsulIdentity, index: number) {
  const address = nodeAddressOf(instance, self);
  return {
    ID: "",
    Node: nodeNameOf(instance, self),
    Address: address,
    Datacenter: self.datacenter,
    TaggedAddresses: { lan: address, wan: address },
    Meta: {},
    CreateIndex: index,
    ModifyIndex: index,
  };
}

/** Of `/v1/health/service/:service`. */
export function healthEntry(instance: Instance, self: ConsulIdentity, index: number) {
  return {
    Node: nodeFields(instance, self, index),
    Service: { ...serviceFields(instance), CreateIndex: index, ModifyIndex: index },
    Checks: checksOf(instance, self, index),
  };
}

/** Of `/v1/catalog/service/:service`. */
export function catalogEntry(instance: Instance, self: ConsulIdentity, index: number) {
  return {
    ID: "",
    Node: nodeNameOf(instance, self),
    Address: nodeAddressOf(instance, self),
    Datacenter: self.datacenter,
    TaggedAddresses: {},
    NodeMeta: {},
    ServiceID: instance.id,
    ServiceName: instance.service,
    ServiceTags: instance.tags,
    ServiceAddress: instance.address,
    ServicePort: instance.port ?? 0,
    ServiceMeta: metaOf(instance),
    ServiceWeights: weightsOf(instance),
    ServiceEnableTagOverride: false,
    CreateIndex: index,
    ModifyIndex: index,
  };
}

export type ConsulCheck = ReturnType<typeof checksOf>[number];

/** Its checks; what its owner says of it, and its maintenance, is one of its own. */
export function checksOf(instance: Instance, self: ConsulIdentity, index: number) {
  const shape = (check: Pick<Check, "id" | "name" | "health" | "output" | "notes"> & { type: string }) => ({
    Node: nodeNameOf(instance, self),
    CheckID: check.id,
    Name: check.name ?? `Service '${instance.service}' check`,
    Status: check.health as Health,
    Notes: check.notes ?? "",
    Output: check.output,
    ServiceID: instance.id,
    ServiceName: instance.service,
    ServiceTags: instance.tags,
    Type: check.type,
    CreateIndex: index,
    ModifyIndex: index,
  });
  const checks = instance.checks.map((check) => ({ ...shape({ ...check, type: check.kind }), ...definition(check) }));
  const { health, id, service } = instance;
  const owner = { id: `owner:${id}`, name: `What ${service} says of itself`, health, output: "", type: "owner" };
  // Consul's clients see no check where they registered none.
  return health === "passing" && instance.ttlMs === null ? checks : [...checks, { ...shape(owner), Definition: {} }];
}

function definition({ kind, ttlMs, target, intervalMs, timeoutMs }: Check): { Definition: Record<string, string> } {
  const times = {
    ...(intervalMs === undefined ? {} : { Interval: durationText(intervalMs) }),
    ...(timeoutMs === undefined ? {} : { Timeout: durationText(timeoutMs) }),
    ...(ttlMs === undefined ? {} : { TTL: durationText(ttlMs) }),
  };
  const where = target === undefined ? {} : kind === "http" ? { HTTP: target } : { TCP: target };
  return { Definition: { ...where, ...times } };
}

/** What all the checks of an instance come to. */
export function statusOf(checks: readonly ConsulCheck[]): Health {
  return worstOf(checks.map(({ Status }) => Status));
}
