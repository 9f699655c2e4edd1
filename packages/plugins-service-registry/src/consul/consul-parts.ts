import type { Caller, RpcClient } from "@aspen/rpc-core";
import type { KeyValueStore } from "@aspen/storage";
import type { Instance } from "../records/instance.js";
import { serviceKey } from "../records/keys.js";
import type { ServiceView } from "../view/service-view.js";
import { ConsulError } from "./consul-error.js";
import type { ConsulRequest } from "./consul-request.js";
import type { Sessions } from "./sessions.js";
import type { ConsulIdentity } from "./shapes.js";

/** What the routes of Consul's API work with. */
export interface ConsulParts {
  view: ServiceView;
  kv: KeyValueStore;
  sessions: Sessions;
  self: ConsulIdentity;
  /** A client that calls the registry's methods on somebody's behalf. */
  clientOf(caller: Caller): RpcClient;
}

/** What a route answers. */
export interface ConsulAnswer {
  status?: number;
  /** JSON, unless it is bytes; undefined for an empty body. */
  body?: unknown;
  /** Of a query that can block. */
  index?: number;
}

export type Route = (request: ConsulRequest, parts: ConsulParts) => Promise<ConsulAnswer>;

/** Milliseconds that a change of another node has to be seen here. */
const SEEN_MS = 1000;

/** The instance of an id, of whichever service, as one agent sees its own. @throws ConsulError 404 */
export async function instanceOfId(id: string, parts: ConsulParts, signal: AbortSignal): Promise<Instance> {
  return await found(parts, signal, `Unknown service ID "${id}"`, ({ id: own }) => own === id);
}

/** The instance that has a check of this id. @throws ConsulError 404 */
export async function instanceOfCheck(check: string, parts: ConsulParts, signal: AbortSignal): Promise<Instance> {
  const has = ({ checks }: Instance) => checks.some(({ id }) => id === check);
  return await found(parts, signal, `Unknown check ID "${check}"`, has);
}

/** Somebody may have registered it on another node a moment ago. */
async function found(
  { view }: ConsulParts,
  signal: AbortSignal,
  missing: string,
  wanted: (instance: Instance) => boolean,
): Promise<Instance> {
  const look = () => {
    for (const service of view.services()) {
      const instance = service.list().find(wanted);
      if (instance) return instance;
    }
    return undefined;
  };
  const end = performance.now() + SEEN_MS;
  for (let instance = look(); ; instance = look()) {
    if (instance) return instance;
    const leftMs = end - performance.now();
    if (leftMs <= 0 || signal.aborted) throw new ConsulError(404, missing);
    const { index } = view;
    await view.changed(() => view.index, index, leftMs, signal);
  }
}

/** Resolves when this node has seen the last change of a service, so that its client reads what it wrote. */
export async function seen(service: string, { kv, view }: ConsulParts, signal: AbortSignal): Promise<void> {
  const entry = await kv.get(serviceKey(service));
  if (entry) await view.reach(entry.version, signal);
}
