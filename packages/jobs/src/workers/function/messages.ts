import type { JobFailure, JobLogLine, JobProgress, RunnableJob } from "../../job.js";

/** What a thread is told. One job at a time. */
export type ToThread =
  | { readonly kind: "run"; readonly job: RunnableJob; readonly module: string; readonly exportName: string }
  | { readonly kind: "abort"; readonly code: string; readonly message: string };

/** What it says of its job. */
export type FromThread =
  | { readonly kind: "log"; readonly level: JobLogLine["level"]; readonly fields: object; readonly message: string }
  | { readonly kind: "progress"; readonly progress: JobProgress | number }
  | { readonly kind: "completed"; readonly json: string }
  | { readonly kind: "failed"; readonly failure: JobFailure };
