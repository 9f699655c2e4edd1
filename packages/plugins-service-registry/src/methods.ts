import type { InstanceFilter } from "./records/filters.js";
import type { CheckDefinition, Health, Instance } from "./records/instance.js";

/** What `service.register` takes. Times are milliseconds. */
export interface Registration {
  /** Letters, digits, `.`, `_` and `-`; at most 128 of them. */
  service: string;
  /** Its own in the service. @default the service's name */
  id?: string | undefined;
  /** A host name or an IP address. */
  address: string;
  /** @default null */
  port?: number | null | undefined;
  /** At most 64. @default [] */
  tags?: readonly string[] | undefined;
  /** Semantic version. @default null */
  version?: string | null | undefined;
  /** 0 to 65,535; its share of the calls. @default 1 */
  weight?: number | undefined;
  /** Where it runs. @default null */
  zone?: string | null | undefined;
  /** At most 64 texts, 16,384 characters together. @default {} */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** @default "passing" */
  health?: Health | undefined;
  /** At most 16; a check is critical until somebody says something else, or `health` does. @default [] */
  checks?: readonly (CheckDefinition & { health?: Health | undefined })[] | undefined;
  /** Time without a heartbeat after which it is gone, 1,000 to a day; null: it stays until it is deregistered. @default 30,000 */
  ttlMs?: number | null | undefined;
  /** Refused unless nothing is there, or an instance of this revision. @default whatever is there is replaced */
  expect?: "absent" | number | undefined;
}

/** An instance, as whoever registered it knows it. */
export interface OwnedInstance {
  service: string;
  id: string;
  fencingToken: number;
}

/** What `service.update` changes; what is not given stays. */
export interface Update extends OwnedInstance {
  address?: string | undefined;
  port?: number | null | undefined;
  tags?: readonly string[] | undefined;
  version?: string | null | undefined;
  weight?: number | undefined;
  zone?: string | null | undefined;
  metadata?: Readonly<Record<string, string>> | undefined;
  health?: Health | undefined;
  /** In the place of all that it has; what was said of those that stay stays. */
  checks?: readonly (CheckDefinition & { health?: Health | undefined })[] | undefined;
  /** What one of its checks is now. Alone, it does not count as a sign of life of the instance. */
  check?: { id: string; health: Health; output?: string | undefined } | undefined;
  /** Refused unless the instance has this revision. @default none */
  expect?: number | undefined;
}

export interface Discovery extends InstanceFilter {
  service: string;
  /** Most instances of the answer, 1 to 1,000. @default 100 */
  limit?: number | undefined;
  /** Of the answer before. @default the beginning */
  cursor?: string | undefined;
}

export interface WatchRequest extends InstanceFilter {
  service: string;
  /** Answers when the service's index is above this. @default 0: at once */
  index?: number | undefined;
  /** Longest wait in milliseconds, at most 600,000; then the answer has the same index. @default 300,000 */
  waitMs?: number | undefined;
}

/** A state of a service. */
export interface ServiceState {
  service: string;
  /** Grows with each change, on every node; never 0. */
  index: number;
  instances: Instance[];
  /** The store cannot be reached: this is what was known last. */
  stale: boolean;
}

/** The methods of the registry. */
export interface ServiceMethods {
  "service.register": { params: Registration; result: { instance: Instance; replaced: boolean } };
  "service.deregister": { params: OwnedInstance; result: { deregistered: boolean } };
  "service.heartbeat": { params: OwnedInstance; result: { ttlMs: number | null } };
  "service.renew": {
    params: { instances: readonly OwnedInstance[] };
    result: {
      renewed: number;
      failed: { service: string; id: string; code: "SERVICE_NOT_FOUND" | "SERVICE_FENCED" }[];
    };
  };
  "service.update": { params: Update; result: { instance: Instance } };
  "service.get": { params: { service: string; id: string }; result: Instance | null };
  "service.list": {
    params: { prefix?: string | undefined; limit?: number | undefined; cursor?: string | undefined };
    result: { services: { service: string; instances: number }[]; cursor: string | null };
  };
  "service.discover": { params: Discovery; result: { instances: Instance[]; cursor: string | null } };
  "service.watch": { params: WatchRequest; result: ServiceState };
}

declare module "@aspen/rpc-core" {
  interface RpcMethods extends ServiceMethods {}
}
