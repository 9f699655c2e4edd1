import { type Check, type EmitRequest, type Entry, kv, type Op } from "@aspen/guest-sdk";
import type { InstanceRecord, LedgerRecord, ServiceRecord, Sign } from "../records/instance.js";
import { instanceKey, ledgerKey, SWEEPER, serviceKey, signKey } from "../records/keys.js";
import { registryErrors } from "./errors.js";

/** Attempts of a change that somebody else is in the way of. */
const ATTEMPTS = 50;

/** What is stored of a service and one of its instances, as of one moment for each record. */
export interface State {
  service: ServiceRecord;
  instance: InstanceRecord | null;
  ledger: LedgerRecord | null;
  /** The sweeper's timer is set. */
  swept: boolean;
  /** Holds while the service has the very same instances. */
  unchanged: Check;
  /** Holds while the instance is as it is here; a heartbeat does not change it. */
  sameInstance: Check;
}

export interface Change<Result> {
  result: Result;
  /** @default the service as it is here */
  checks?: readonly Check[];
  ops: readonly Op[];
  events?: readonly EmitRequest[];
}

/** Decides on a state and applies that, as often as somebody else is faster. Without a change nothing is written. */
export async function change<Result>(
  service: string,
  id: string,
  decide: (state: State) => Change<Result> | Promise<Change<Result>>,
): Promise<Result> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const state = await read(service, id);
    const { result, checks = [state.unchanged], ops, events } = await decide(state);
    if (ops.length === 0) return result;
    const applied = await kv.transact({ checks, ops, ...(events ? { events } : {}) });
    if (applied.ok) return result;
  }
  throw registryErrors.busy(service);
}

export async function read(service: string, id: string): Promise<State> {
  const keys = [serviceKey(service), instanceKey(service, id), ledgerKey(service, id), SWEEPER];
  const [found, instance, ledger, sweeper] = await kv.getMany(keys);
  return {
    service: found?.json<ServiceRecord>() ?? { tokens: 0, instances: 0 },
    instance: instance?.json<InstanceRecord>() ?? null,
    ledger: ledger?.json<LedgerRecord>() ?? null,
    swept: Boolean(sweeper),
    unchanged: sameValue(serviceKey(service), found),
    sameInstance: sameValue(instanceKey(service, id), instance),
  };
}

/** The instance, when it is the caller's. @throws AspenError `SERVICE_NOT_FOUND`, `SERVICE_FENCED` */
export function owned(service: string, id: string, token: number, instance: InstanceRecord | null): InstanceRecord {
  if (!instance) throw registryErrors.notFound(service, id);
  if (instance.fencingToken !== token) throw registryErrors.fenced(service, id);
  return instance;
}

/** What was said of the checks of instances, by `signKey`. */
export async function signsOf(records: readonly InstanceRecord[]): Promise<Map<string, Sign>> {
  const keys = records.flatMap(({ service, id, checks }) => checks.map((check) => signKey(service, id, check.id)));
  const signs = new Map<string, Sign>();
  for (let at = 0; at < keys.length; at += 1000) {
    for (const entry of await kv.getMany(keys.slice(at, at + 1000))) if (entry) signs.set(entry.key, entry.json());
  }
  return signs;
}

export function sameValue(key: string, entry: Entry | null | undefined): Check {
  return { key, value: entry?.bytes ?? null };
}
