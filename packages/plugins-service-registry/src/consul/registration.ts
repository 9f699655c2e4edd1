import type { Registration } from "../methods.js";
import type { CheckDefinition, Health, Instance } from "../records/instance.js";
import { ConsulError } from "./consul-error.js";
import { durationMs } from "./duration.js";

type CheckOfRegistration = NonNullable<Registration["checks"]>[number];
type Fields = Record<string, unknown>;

/** Kinds of checks that no node runs. */
const UNKNOWN = [
  "Args",
  "Script",
  "GRPC",
  "UDP",
  "DockerContainerID",
  "H2PING",
  "AliasNode",
  "AliasService",
  "OSService",
];

/** The registration that a body of `/v1/agent/service/register` asks for. Keys of any case, as Consul reads them. */
export function registrationOf(body: Fields, defaultAddress: string, before: Instance | null): Registration {
  const fields = anyCase(body);
  const service = text(fields, "Name") ?? text(fields, "Service");
  if (service === undefined || service === "") throw new ConsulError(400, "Missing service name");
  const id = text(fields, "ID") || service;
  const weights = fields.get("weights");
  const weight =
    typeof weights === "object" && weights !== null ? anyCase(weights as Fields).get("passing") : undefined;
  const one = fields.get("check");
  const many = fields.get("checks") ?? [];
  if (!Array.isArray(many)) throw new ConsulError(400, "Request decode failed: Checks must be a list");
  const given = [...(one === undefined || one === null ? [] : [one]), ...many];
  const port = fields.get("port");
  return {
    ...{ service, id },
    address: text(fields, "Address") || defaultAddress,
    port: port === undefined || port === 0 ? null : (port as number),
    tags: (fields.get("tags") ?? []) as string[],
    metadata: (fields.get("meta") ?? {}) as Record<string, string>,
    ...(weight === undefined ? {} : { weight: weight as number }),
    checks: given.map((check, at) =>
      checkOf(check, given.length === 1 ? `service:${id}` : `service:${id}:${at + 1}`, before),
    ),
    // An agent's service stays until it is deregistered; its checks say whether it is well.
    ttlMs: null,
  };
}

/** A check of Consul; one that the instance has already keeps what was said of it. @throws ConsulError 400 */
export function checkOf(given: unknown, defaultId: string, before: Instance | null): CheckOfRegistration {
  if (typeof given !== "object" || given === null) throw new ConsulError(400, "Request decode failed: a check");
  const fields = anyCase(given as Fields);
  const unknown = UNKNOWN.find((name) => fields.get(name.toLowerCase()));
  if (unknown !== undefined) throw new ConsulError(400, `Invalid check: ${unknown} checks are not run here`);
  const id = text(fields, "CheckID") || text(fields, "ID") || defaultId;
  const http = text(fields, "HTTP");
  const tcp = text(fields, "TCP");
  const ttl = fields.get("ttl");
  const name = text(fields, "Name");
  const notes = text(fields, "Notes");
  const time = (field: string, from: string) =>
    fields.get(from) === undefined || fields.get(from) === "" ? {} : { [field]: durationMs(from, fields.get(from)) };
  const status = text(fields, "Status") || before?.checks.find((check) => check.id === id)?.health;
  const kind: Partial<CheckDefinition> & Pick<CheckDefinition, "kind"> =
    ttl !== undefined && ttl !== ""
      ? { kind: "ttl", ttlMs: durationMs("TTL", ttl) }
      : http
        ? { kind: "http", target: http, ...time("intervalMs", "interval"), ...time("timeoutMs", "timeout") }
        : tcp
          ? { kind: "tcp", target: tcp, ...time("intervalMs", "interval"), ...time("timeoutMs", "timeout") }
          : { kind: "none" };
  return {
    id,
    ...(name ? { name } : {}),
    ...(notes ? { notes } : {}),
    ...kind,
    ...time("deregisterAfterMs", "deregistercriticalserviceafter"),
    ...(status === undefined ? {} : { health: healthFrom(status) }),
  };
}

/** @throws ConsulError 400 */
export function healthFrom(status: string): Health {
  if (status === "passing" || status === "warning" || status === "critical") return status;
  throw new ConsulError(400, `Invalid check status: '${status.slice(0, 64)}'`);
}

/** Consul's decoder does not care for the case of keys, nor for underscores, which older clients send. */
export function anyCase(fields: Fields): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(fields).map(([key, value]) => [key.toLowerCase().replaceAll("_", ""), value]));
}

export function text(fields: ReadonlyMap<string, unknown>, name: string): string | undefined {
  const value = fields.get(name.toLowerCase());
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new ConsulError(400, `Request decode failed: ${name} must be a text`);
  return value;
}
