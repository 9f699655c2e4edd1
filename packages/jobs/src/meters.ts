import type { Measurement, Meter } from "@aspen/feature";
import type { TypeCounts } from "./pool/pool-counts.js";
import type { QueueCounts } from "./queue/queue-counts.js";
import type { WorkerPool } from "./worker-pool.js";

/** What a node measures of its jobs. The labels are types that a worker has registered. */
export const JOB_METERS: readonly ((pool: WorkerPool, counts: QueueCounts) => Meter)[] = [
  (_, counts) => ({
    name: "aspen_jobs_waiting",
    help: "Jobs of the cluster that could be started now, at most 10,000 of a type; counted now and then.",
    kind: "gauge",
    collect: () => ofQueue(counts, "waiting"),
  }),
  (_, counts) => ({
    name: "aspen_jobs_running",
    help: "Jobs of the cluster that run; counted now and then.",
    kind: "gauge",
    collect: () => ofQueue(counts, "running"),
  }),
  (pool) => ({
    name: "aspen_jobs_ended_total",
    help: "Runs of this node that ended, by how.",
    kind: "counter",
    collect: () =>
      [...pool.counts.all].flatMap(([type, { milliseconds: _, ...ends }]) =>
        Object.entries(ends).map(([outcome, value]) => ({ value, labels: { type, outcome } })),
      ),
  }),
  (pool) => ({
    name: "aspen_jobs_duration_seconds_total",
    help: "Seconds that the runs of this node took together.",
    kind: "counter",
    collect: () => ofPool(pool, ({ milliseconds }) => milliseconds / 1000),
  }),
  (pool) => ({
    name: "aspen_jobs_stalled_total",
    help: "Jobs of any node that this node found without a sign of life.",
    kind: "counter",
    collect: () => [{ value: pool.counts.stalled }],
  }),
];

function ofQueue({ last }: QueueCounts, field: "waiting" | "running"): Measurement[] {
  return Object.entries(last?.byType ?? {}).map(([type, of]) => ({ value: of[field], labels: { type } }));
}

function ofPool({ counts }: WorkerPool, value: (of: TypeCounts) => number): Measurement[] {
  return [...counts.all].map(([type, of]) => ({ value: value(of), labels: { type } }));
}
