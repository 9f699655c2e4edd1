import { clock, type Op } from "@aspen/guest-sdk";
import { type Instance, type InstanceRecord, instanceOf, type LedgerRecord, type Sign } from "../records/instance.js";
import { instanceKey, ledgerKey, probedKey, serviceKey, signKey } from "../records/keys.js";
import { REGISTRY_LIMITS as LIMITS } from "../records/limits.js";
import { registryErrors } from "./errors.js";
import { invalid, Params } from "./params.js";
import { assertExpected, event, isProbed, ledgerText, signOps } from "./register.js";
import { change, owned, signsOf } from "./registry-state.js";

/** `service.update`: changes what is given of an instance, and begins its time anew; or says what a check of it is. */
export async function update(given: unknown): Promise<{ instance: Instance }> {
  const params = new Params(given);
  const [service, id, token] = [params.name(), params.id(), params.token()];
  const expected = params.has("expect") ? params.whole("expect", 1, Number.MAX_SAFE_INTEGER) : undefined;
  const { fields, signs: first } = changedFields(params);
  const said = params.has("check") ? saying(new Params(params.raw("check"), "check")) : undefined;
  params.end();
  if (Object.keys(fields).length === 0 && !said) throw invalid("the params", "must name something to change");
  return change(service, id, async ({ service: before, instance, ledger, sameInstance, unchanged }) => {
    const record = owned(service, id, token, instance);
    assertExpected(service, id, expected, record);
    const signs = await signsOf([record]);
    const ops: Op[] = [];
    let next = record;
    if (Object.keys(fields).length > 0) {
      next = { ...record, ...fields, revision: record.revision + 1, changedAt: clock.now() };
      const ttl = next.ttlMs === null ? {} : { ttlMs: next.ttlMs };
      ops.push({ type: "put", key: instanceKey(service, id), value: JSON.stringify(next), ...ttl });
      if (fields.checks) ops.push(...replacedChecks(record, next, ledger, first));
      for (const [check, sign] of first) signs.set(signKey(service, id, check), sign);
      // Also where nothing of it changes: whoever waits for a change of the service waits for this.
      ops.push({ type: "put", key: serviceKey(service), value: JSON.stringify(before) });
    }
    const { status: was } = shown(record, signs);
    if (said) {
      const check = record.checks.find((one) => one.id === said.id);
      if (!check) throw registryErrors.noCheck(service, id, said.id);
      const sign: Sign = { health: said.health, output: said.output };
      signs.set(signKey(service, id, check.id), sign);
      ops.push(...signOps(service, id, check, sign));
    }
    const result = { instance: shown(next, signs) };
    const quiet = next === record && result.instance.status === was;
    const checks = next === record ? [sameInstance] : [unchanged, sameInstance];
    return { result, checks, ops, ...(quiet ? {} : { events: [event("changed", next)] }) };
  });
}

function shown(record: InstanceRecord, signs: ReadonlyMap<string, Sign>): Instance {
  return instanceOf(record, (check) => signs.get(signKey(record.service, record.id, check)));
}

/** Takes the signs of checks that are no more away, and sets those that came with new ones. */
function replacedChecks(
  { service, id, checks }: InstanceRecord,
  next: InstanceRecord,
  ledger: LedgerRecord | null,
  signs: ReadonlyMap<string, Sign>,
): Op[] {
  const kept = new Set(next.checks.map((check) => check.id));
  const probed = probedKey(service, id);
  return [
    ...checks
      .filter((check) => !kept.has(check.id))
      .map((check) => ({ type: "delete" as const, key: signKey(service, id, check.id) })),
    ...next.checks.flatMap((check) => signOps(service, id, check, signs.get(check.id))),
    { type: "put", key: ledgerKey(service, id), value: ledgerText(next, ledger?.due ?? null) },
    next.checks.some(isProbed) ? { type: "put", key: probed, value: "" } : { type: "delete", key: probed },
  ];
}

function changedFields(params: Params): { fields: Partial<InstanceRecord>; signs: Map<string, Sign> } {
  const { checks, signs } = params.has("checks") ? params.checks() : { checks: undefined, signs: new Map() };
  const read = <T>(field: string, value: () => T) => (params.has(field) ? { [field]: value() } : {});
  const nullable = <T>(field: string, value: () => T) =>
    read(field, () => (params.raw(field) === null ? null : value()));
  const fields = {
    ...read("address", () => params.address()),
    ...nullable("port", () => params.whole("port", 1, 65_535)),
    ...read("tags", () => params.tags()),
    ...read("version", () => params.version()),
    ...read("weight", () => params.whole("weight", 0, LIMITS.weight)),
    ...nullable("zone", () => params.text("zone", LIMITS.name)),
    ...read("metadata", () => params.metadata()),
    ...read("health", () => params.health("health")),
    ...(checks ? { checks } : {}),
  };
  return { fields, signs };
}

function saying(params: Params): Sign & { id: string } {
  const said = {
    id: params.id(),
    health: params.health("health"),
    output: params.has("output") ? params.output() : "",
  };
  params.end();
  return said;
}
