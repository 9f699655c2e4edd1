import type { Meter } from "@aspen/feature";

/** The process itself, under the names that Prometheus's client libraries have for it. */
export const PROCESS_METERS: readonly Meter[] = [
  gauge("process_resident_memory_bytes", "Resident memory size in bytes.", () => process.memoryUsage.rss()),
  gauge("nodejs_heap_size_used_bytes", "Bytes of the heap that are used.", () => process.memoryUsage().heapUsed),
  gauge(
    "process_start_time_seconds",
    "Start time of the process since the Unix epoch in seconds.",
    () => performance.timeOrigin / 1000,
  ),
  {
    name: "process_cpu_seconds_total",
    help: "User and system processor time in seconds.",
    kind: "counter",
    collect: () => {
      const { user, system } = process.cpuUsage();
      return [{ value: (user + system) / 1e6 }];
    },
  },
];

function gauge(name: string, help: string, value: () => number): Meter {
  return { name, help, kind: "gauge", collect: () => [{ value: value() }] };
}
