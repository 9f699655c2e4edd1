import { formatBytes } from "../format-bytes.js";
import { table } from "../output.js";
import type { Snapshot } from "./snapshot.js";
import type { Traffic } from "./traffic.js";

/** A snapshot for people: a few lines on the node, then the busiest methods and plugins, `rows` of each at most. */
export function snapshotText({ requests, methods, plugins, memory, processor, jobs }: Snapshot, rows: number): string {
  const [rate, errors, p50, p99] = cells(requests);
  const lines = [
    `requests ${rate}/s, errors ${errors}/s, p50 ${p50}, p99 ${p99}, under way ${requests.underWay}`,
    `memory   ${formatBytes(memory.residentBytes)}, heap ${formatBytes(memory.heapUsedBytes)}, processor ${(processor * 100).toFixed(0)}%`,
    jobs ? `jobs     ${jobs.waiting} waiting, ${jobs.running} running` : "jobs     none kept",
  ];
  const head = ["REQUESTS/S", "ERRORS/S", "P50", "P99"];
  const byMethod = methods.slice(0, rows).map((it) => [it.method, ...cells(it), codes(it)]);
  const byPlugin = plugins.slice(0, rows).map((it) => {
    return [it.plugin, ...cells(it), it.memoryBytes === null ? "-" : formatBytes(it.memoryBytes), codes(it)];
  });
  const tables = [
    ...(byMethod.length > 0 ? [table(["METHOD", ...head, "CODES"], byMethod)] : []),
    ...(byPlugin.length > 0 ? [table(["PLUGIN", ...head, "MEMORY", "CODES"], byPlugin)] : []),
  ];
  return [lines.join("\n"), ...tables].join("\n\n");
}

function cells({ perSecond, errorsPerSecond, p50Ms, p99Ms }: Traffic): [string, string, string, string] {
  return [perSecond.toFixed(1), errorsPerSecond.toFixed(1), time(p50Ms), time(p99Ms)];
}

function codes({ errors }: Traffic): string {
  return Object.keys(errors).sort().join(" ");
}

function time(ms: number | null): string {
  if (ms === null) return "-";
  return ms < 1000 ? `${ms.toPrecision(3)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
