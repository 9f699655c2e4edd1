import type { Scrape } from "./scrape.js";
import { type Traffic, trafficOf } from "./traffic.js";

/** What `top` shows of a node. */
export interface Snapshot {
  /** Seconds between the two looks. */
  seconds: number;
  requests: Traffic & { underWay: number };
  methods: (Traffic & { method: string })[];
  plugins: (Traffic & { plugin: string; memoryBytes: number | null })[];
  memory: { residentBytes: number; heapUsedBytes: number };
  /** Of one processor: 1 when one was busy all the time. */
  processor: number;
  /** Of the cluster; null when the node keeps no jobs. */
  jobs: { waiting: number; running: number } | null;
}

/** What lies between two looks at one node. */
export function snapshot(now: Scrape, before: Scrape): Snapshot {
  const seconds = (now.at - before.at) / 1000;
  const requests = trafficOf(now, before, {
    count: "aspen_node_requests_total",
    seconds: "aspen_node_request_seconds",
    by: "method",
  });
  const calls = trafficOf(now, before, {
    count: "aspen_plugin_calls_total",
    seconds: "aspen_plugin_call_seconds",
    by: "plugin",
  });
  const memory = new Map<string, number>();
  for (const { labels, value } of now.of("aspen_plugin_memory_bytes")) {
    memory.set(labels.plugin ?? "", (memory.get(labels.plugin ?? "") ?? 0) + value);
  }
  const plugins = [...new Set([...calls.each.keys(), ...memory.keys()])];
  const keepsJobs = now.of("aspen_jobs_ended_total").length + now.of("aspen_jobs_stalled_total").length > 0;
  const busy = sum(now, "process_cpu_seconds_total") - sum(before, "process_cpu_seconds_total");
  return {
    seconds,
    requests: { ...requests.all, underWay: sum(now, "aspen_node_requests_under_way") },
    methods: [...requests.each].map(([method, traffic]) => ({ method, ...traffic })),
    plugins: plugins.map((plugin) => ({
      plugin,
      ...(calls.each.get(plugin) ?? QUIET),
      memoryBytes: memory.get(plugin) ?? null,
    })),
    memory: {
      residentBytes: sum(now, "process_resident_memory_bytes"),
      heapUsedBytes: sum(now, "nodejs_heap_size_used_bytes"),
    },
    processor: Math.max(0, busy) / seconds,
    jobs: keepsJobs ? { waiting: sum(now, "aspen_jobs_waiting"), running: sum(now, "aspen_jobs_running") } : null,
  };
}

const QUIET: Traffic = { perSecond: 0, errorsPerSecond: 0, errors: {}, p50Ms: null, p99Ms: null };

function sum(scrape: Scrape, name: string): number {
  return scrape.of(name).reduce((total, { value }) => total + value, 0);
}
