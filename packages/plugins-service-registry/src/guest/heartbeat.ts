import { type Check, kv, type Op } from "@aspen/guest-sdk";
import type { InstanceRecord } from "../records/instance.js";
import { instanceKey } from "../records/keys.js";
import { REGISTRY_LIMITS as LIMITS } from "../records/limits.js";
import { registryErrors } from "./errors.js";
import { invalid, Params } from "./params.js";
import { owned, sameValue } from "./registry-state.js";

const ATTEMPTS = 20;

interface Owned {
  service: string;
  id: string;
  fencingToken: number;
}

/** Why an instance was not renewed. */
export interface NotRenewed {
  service: string;
  id: string;
  code: "SERVICE_NOT_FOUND" | "SERVICE_FENCED";
}

/** `service.heartbeat`: from now on it lives for its whole time again. */
export async function heartbeat(given: unknown): Promise<{ ttlMs: number | null }> {
  const one = ownedBy(new Params(given));
  const { service, id, fencingToken } = one;
  const key = instanceKey(service, id);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const entry = await kv.get(key);
    const { ttlMs } = owned(service, id, fencingToken, entry?.json<InstanceRecord>() ?? null);
    if (ttlMs === null) return { ttlMs };
    // The very same value: only its time begins anew, and nobody takes it for a change.
    if ((await kv.cas(key, entry!.bytes, entry!.bytes, { ttlMs })).ok) return { ttlMs };
  }
  throw registryErrors.busy(service);
}

/** `service.renew`: the same for many at once, in one transaction. */
export async function renew(given: unknown): Promise<{ renewed: number; failed: NotRenewed[] }> {
  const params = new Params(given);
  const list = params.raw("instances");
  params.end();
  if (!Array.isArray(list) || list.length === 0 || list.length > LIMITS.renew) {
    throw invalid("instances", `must be a list of 1 to ${LIMITS.renew}`);
  }
  const wanted = new Map<string, Owned>();
  for (const [index, one] of list.entries()) {
    const read = ownedBy(new Params(one, `instances[${index}]`));
    wanted.set(instanceKey(read.service, read.id), read);
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const failed: NotRenewed[] = [];
    const checks: Check[] = [];
    const ops: Op[] = [];
    const keys = [...wanted.keys()];
    const entries = await kv.getMany(keys);
    for (const [index, key] of keys.entries()) {
      const { service, id, fencingToken } = wanted.get(key)!;
      const entry = entries[index];
      const record = entry?.json<InstanceRecord>();
      if (!entry || !record) failed.push({ service, id, code: "SERVICE_NOT_FOUND" });
      else if (record.fencingToken !== fencingToken) failed.push({ service, id, code: "SERVICE_FENCED" });
      else if (record.ttlMs !== null) {
        checks.push(sameValue(key, entry));
        ops.push({ type: "put", key, value: entry.bytes, ttlMs: record.ttlMs });
      }
    }
    if (ops.length === 0 || (await kv.transact({ checks, ops })).ok) {
      return { renewed: wanted.size - failed.length, failed };
    }
  }
  throw registryErrors.busy(list.length === 1 ? [...wanted.values()][0]!.service : "one of the services");
}

function ownedBy(params: Params): Owned {
  const one = { service: params.name(), id: params.id(), fencingToken: params.token() };
  params.end();
  return one;
}
