import type { Meter } from "@aspen/feature";
import type { ShellWorker } from "./shell-worker.js";

/** Which jail and which limits are in force on a node. */
export function shellMeter(worker: ShellWorker): Meter {
  return {
    name: "aspen_jobs_shell_worker_info",
    help: "Always 1; its labels say which jail holds shell jobs, and what bounds them.",
    kind: "gauge",
    collect: () => {
      const { inForce } = worker;
      return inForce ? [{ value: 1, labels: { jail: inForce.kind, limited_by: inForce.limitedBy } }] : [];
    },
  };
}
