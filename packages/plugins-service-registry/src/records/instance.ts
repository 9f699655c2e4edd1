/** What a check, or an instance as a whole, is; the names are Consul's. */
export type Health = "passing" | "warning" | "critical";

export const HEALTH: readonly Health[] = ["passing", "warning", "critical"];

/** How a check is found to pass. Times are milliseconds. */
export interface CheckDefinition {
  /** Its own in the instance. */
  id: string;
  name?: string;
  /** `ttl`: somebody says so in time; `http`, `tcp`: a node tries; `none`: it is what was said last. */
  kind: "ttl" | "http" | "tcp" | "none";
  /** Of `ttl`: silence after which it is critical, by the clock of the store. */
  ttlMs?: number;
  /** Of `http`: a URL; of `tcp`: `host:port`. */
  target?: string;
  /** Between two tries. @default 10_000 */
  intervalMs?: number;
  /** Longest try. @default 10_000 */
  timeoutMs?: number;
  /** Time of being critical after which the instance is deregistered. @default never */
  deregisterAfterMs?: number;
  notes?: string;
}

/** What was said of a check last. A TTL check has none when it was silent for too long. */
export interface Sign {
  health: Health;
  output: string;
}

/** A check as callers see it. */
export interface Check extends CheckDefinition, Sign {}

/** An instance as it is stored. */
export interface InstanceRecord {
  service: string;
  id: string;
  address: string;
  port: number | null;
  tags: string[];
  /** Semantic version. */
  version: string | null;
  /** 0 to 65,535. */
  weight: number;
  zone: string | null;
  metadata: Record<string, string>;
  /** What its owner says of it; its checks come on top. */
  health: Health;
  checks: CheckDefinition[];
  /** Milliseconds without a heartbeat after which it is gone, by the clock of the store; null: it stays. */
  ttlMs: number | null;
  /** Grows with each registration in the service, for ever. */
  fencingToken: number;
  /** Grows with each change of the instance. */
  revision: number;
  /** Milliseconds since the Unix epoch, by the clock of the node. */
  registeredAt: number;
  changedAt: number;
}

/** An instance as callers see it. */
export interface Instance extends Omit<InstanceRecord, "checks"> {
  checks: Check[];
  /** The worst of its own health and its checks. */
  status: Health;
}

/** What callers see of a record; `signOf` knows what was said of a check. */
export function instanceOf(record: InstanceRecord, signOf: (check: string) => Sign | undefined): Instance {
  const checks = record.checks.map((check) => ({ ...check, ...(signOf(check.id) ?? silent(check)) }));
  return { ...record, checks, status: worstOf([record.health, ...checks.map(({ health }) => health)]) };
}

export function worstOf(health: readonly Health[]): Health {
  return HEALTH[Math.max(0, ...health.map((one) => HEALTH.indexOf(one)))]!;
}

function silent({ kind }: CheckDefinition): Sign {
  return { health: "critical", output: kind === "ttl" ? "TTL expired" : "" };
}

/** A service as it is stored. */
export interface ServiceRecord {
  tokens: number;
  instances: number;
}

/** What the ledger knows of an instance. */
export interface LedgerRecord {
  fencingToken: number;
  checks: string[];
  /** When the sweeper looks at it, as in its key; null for an instance that stays. */
  due: number | null;
}
