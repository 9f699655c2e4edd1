import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { assertJobType, assertWorkerName, JOB_LIMITS, whole } from "../options.js";
import type { PressureOptions } from "./pressure.js";

export interface TypeOptions {
  /** Jobs of the type that this pool runs at once. @default `concurrency` of the pool */
  concurrency?: number;
  /** Starts of the type in the whole cluster: at most `max` within `perMs` milliseconds. @default none */
  rate?: { max: number; perMs: number };
}

export interface WorkerPoolOptions {
  /** Who runs the jobs, for people; 1 to 100 characters. @default the host's name and a random part */
  name?: string;
  /** Jobs that run at once, 1 to 1,000. @default 10 */
  concurrency?: number;
  /** By job type. @default {} */
  types?: Readonly<Record<string, TypeOptions>>;
  /** Milliseconds without a sign of life after which a job goes to another, 1,000 to 3,600,000. @default 15,000 */
  leaseMs?: number;
  /** Milliseconds between two looks for jobs, at most, when nothing tells of new ones. @default 30,000 */
  pollMs?: number;
  /** Milliseconds between two looks of the cluster for jobs that are due or stalled, or were kept long enough, when none is known to be. @default 30,000 */
  maintainMs?: number;
  /** Milliseconds that a job has to end after it was asked to, before it is ended by force. @default 250 */
  graceMs?: number;
  /** Milliseconds that running jobs get when the pool is drained, before they are stopped and given back. @default 10,000 */
  drainMs?: number;
  /** False: the machine's load keeps the pool from nothing. @default {} */
  pressure?: PressureOptions | false;
  /** No other process can have the store open, as `Store.exclusive` says. @default false */
  soleProcess?: boolean;
}

export type NormalPoolOptions = Required<WorkerPoolOptions>;

/** @throws AspenError `INVALID_PARAMS` */
export function normalPoolOptions(options: WorkerPoolOptions): NormalPoolOptions {
  const normal: NormalPoolOptions = {
    name: options.name ?? `${hostname().slice(0, 64)}-${randomUUID().slice(0, 8)}`,
    concurrency: options.concurrency ?? 10,
    types: options.types ?? {},
    leaseMs: options.leaseMs ?? 15_000,
    pollMs: options.pollMs ?? 30_000,
    maintainMs: options.maintainMs ?? 30_000,
    graceMs: options.graceMs ?? 250,
    drainMs: options.drainMs ?? 10_000,
    pressure: options.pressure ?? {},
    soleProcess: options.soleProcess ?? false,
  };
  assertWorkerName(normal.name);
  whole("concurrency", normal.concurrency, 1, 1000);
  whole("leaseMs", normal.leaseMs, 1000, 3_600_000);
  whole("pollMs", normal.pollMs, 1, 3_600_000);
  whole("maintainMs", normal.maintainMs, 1, 3_600_000);
  whole("graceMs", normal.graceMs, 0, 3_600_000);
  whole("drainMs", normal.drainMs, 0, JOB_LIMITS.timeoutMs);
  for (const [type, { concurrency }] of Object.entries(normal.types)) {
    assertJobType(type);
    if (concurrency !== undefined) whole(`types.${type}.concurrency`, concurrency, 1, 1000);
  }
  return normal;
}
