import { AspenError, clock, type EmitRequest, type Op, timers } from "@aspen/guest-sdk";
import type { CheckDefinition, Instance, InstanceRecord, LedgerRecord } from "../records/instance.js";
import { instanceOf } from "../records/instance.js";
import { dueKey, instanceKey, ledgerKey, probedKey, SWEEPER, serviceKey, signKey } from "../records/keys.js";
import { REGISTRY_LIMITS as LIMITS } from "../records/limits.js";
import { registryErrors } from "./errors.js";
import { invalid, Params } from "./params.js";
import { change, owned } from "./registry-state.js";

/** Most instances of one service. */
const MOST_INSTANCES = 10_000;
/** Milliseconds between two looks for what has expired. */
const SWEEP_MS = 2000;
export const SWEEP_TIMER = "sweep";

/** `service.register`: a new instance, or one in the place of that with the same id. The caller has its fencing token. */
export async function register(given: unknown): Promise<{ instance: Instance; replaced: boolean }> {
  const params = new Params(given);
  const wanted = fieldsOf(params);
  const expected = expectation(params);
  params.end();
  const { service, id } = wanted;
  return change(service, id, async ({ service: before, instance, ledger, swept }) => {
    assertExpected(service, id, expected, instance);
    if (!ledger && before.instances >= MOST_INSTANCES) throw registryErrors.full(service, MOST_INSTANCES);
    const now = clock.now();
    const fencingToken = before.tokens + 1;
    const { checks, signs, ...fields } = wanted;
    const record: InstanceRecord = {
      ...fields,
      ...{ checks, fencingToken, revision: (instance?.revision ?? 0) + 1 },
      ...{ registeredAt: instance?.registeredAt ?? now, changedAt: now },
    };
    const due = record.ttlMs === null ? null : now + record.ttlMs;
    if (due !== null && !swept) await timers.set(SWEEP_TIMER, { everyMs: SWEEP_MS });
    const instances = before.instances + (ledger ? 0 : 1);
    const ops: Op[] = [
      ...forgotten(service, id, ledger),
      { type: "put", key: serviceKey(service), value: JSON.stringify({ tokens: fencingToken, instances }) },
      {
        ...{ type: "put", key: instanceKey(service, id), value: JSON.stringify(record) },
        ...(record.ttlMs === null ? {} : { ttlMs: record.ttlMs }),
      } as Op,
      { type: "put", key: ledgerKey(service, id), value: ledgerText(record, due) },
      ...(due === null ? [] : [{ type: "put" as const, key: dueKey(due, service, id), value: "" }]),
      ...(due === null || swept ? [] : [{ type: "put" as const, key: SWEEPER, value: "1" }]),
      ...(checks.some(isProbed) ? [{ type: "put" as const, key: probedKey(service, id), value: "" }] : []),
      ...checks.flatMap((check) => signOps(service, id, check, signs.get(check.id))),
    ];
    const result = { instance: instanceOf(record, (check) => signs.get(check)), replaced: instance !== null };
    return { result, ops, events: [event("registered", record)] };
  });
}

/** `service.deregister`: false when it was not there. */
export async function deregister(given: unknown): Promise<{ deregistered: boolean }> {
  const params = new Params(given);
  const [service, id, token] = [params.name(), params.id(), params.token()];
  params.end();
  return change<{ deregistered: boolean }>(service, id, ({ service: before, instance, ledger }) => {
    // What has expired is the sweeper's, which tells of that.
    if (!instance) return { result: { deregistered: false }, ops: [] };
    const record = owned(service, id, token, instance);
    return {
      result: { deregistered: true },
      ops: [
        ...forgotten(service, id, ledger),
        { type: "delete", key: instanceKey(service, id) },
        { type: "delete", key: ledgerKey(service, id) },
        lessOne(service, before),
      ],
      events: [event("deregistered", record)],
    };
  });
}

/** Takes away what belongs to an instance beside itself. */
export function forgotten(service: string, id: string, ledger: LedgerRecord | null): Op[] {
  if (!ledger) return [];
  return [
    ...(ledger.due === null ? [] : [{ type: "delete" as const, key: dueKey(ledger.due, service, id) }]),
    { type: "delete", key: probedKey(service, id) },
    ...ledger.checks.map((check) => ({ type: "delete" as const, key: signKey(service, id, check) })),
  ];
}

export function lessOne(service: string, { tokens, instances }: { tokens: number; instances: number }): Op {
  const value = JSON.stringify({ tokens, instances: Math.max(0, instances - 1) });
  return { type: "put", key: serviceKey(service), value };
}

export function event(what: "registered" | "changed" | "expired" | "deregistered", about: EventSubject): EmitRequest {
  const { service, id, fencingToken, ...more } = about;
  const { address, port, revision } = more;
  return {
    topic: `service.${what}`,
    subject: `${service}/${id}`,
    data: { service, id, fencingToken, ...(address === undefined ? {} : { address, port, revision }) },
  };
}

type EventSubject = Pick<InstanceRecord, "service" | "id" | "fencingToken"> &
  Partial<Pick<InstanceRecord, "address" | "port" | "revision">>;

/** Sets what is said of a check; a TTL check forgets it in its time. */
export function signOps(service: string, id: string, check: CheckDefinition, sign: object | undefined): Op[] {
  const key = signKey(service, id, check.id);
  if (!sign) return [];
  const ttl = check.ttlMs === undefined ? {} : { ttlMs: check.ttlMs };
  return [{ type: "put", key, value: JSON.stringify(sign), ...ttl }];
}

/** Checks that a node has to see to. */
export function isProbed({ kind, deregisterAfterMs }: CheckDefinition): boolean {
  return kind === "http" || kind === "tcp" || deregisterAfterMs !== undefined;
}

export function ledgerText(
  { fencingToken, checks }: Pick<InstanceRecord, "fencingToken" | "checks">,
  due: number | null,
): string {
  const record: LedgerRecord = { fencingToken, checks: checks.map(({ id }) => id), due };
  return JSON.stringify(record);
}

/** The instance that the params describe, with what is said of its checks at once. */
function fieldsOf(params: Params) {
  const service = params.name();
  const or = <T>(field: string, read: () => T, missing: T): T => (params.has(field) ? read() : missing);
  const nullable = <T>(field: string, read: () => T): T | null =>
    params.has(field) && params.raw(field) !== null ? read() : null;
  const { checks, signs } = or("checks", () => params.checks(), { checks: [], signs: new Map() });
  const fields = {
    service,
    id: or("id", () => params.id(), service),
    address: params.address(),
    port: nullable("port", () => params.whole("port", 1, 65_535)),
    tags: or("tags", () => params.tags(), []),
    version: or("version", () => params.version(), null),
    weight: or("weight", () => params.whole("weight", 0, LIMITS.weight), 1),
    zone: nullable("zone", () => params.text("zone", LIMITS.name)),
    metadata: or("metadata", () => params.metadata(), {}),
    health: or("health", () => params.health("health"), "passing" as const),
    ttlMs:
      params.raw("ttlMs") === null
        ? null
        : or("ttlMs", () => params.whole("ttlMs", LIMITS.ttlLeastMs, LIMITS.ttlMostMs), LIMITS.ttlDefaultMs),
  };
  return { ...fields, checks, signs };
}

/** What must be there for a compare-and-swap: nothing at all, an instance of this revision, or anything. */
function expectation(params: Params): "absent" | number | undefined {
  if (!params.has("expect")) return undefined;
  if (params.raw("expect") === "absent") return "absent";
  try {
    return params.whole("expect", 1, Number.MAX_SAFE_INTEGER);
  } catch (error) {
    if (error instanceof AspenError) throw invalid("expect", 'must be "absent" or a revision');
    throw error;
  }
}

export function assertExpected(
  service: string,
  id: string,
  expected: "absent" | number | undefined,
  instance: InstanceRecord | null,
): void {
  if (expected === undefined) return;
  const found = instance?.revision ?? null;
  if (expected === "absent" ? instance !== null : found !== expected) {
    throw registryErrors.conflict(service, id, found);
  }
}
