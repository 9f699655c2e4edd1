/** Runs jobs of some types. Its whole contract is `Worker` of `@aspen/jobs`. */
export interface JobWorker {
  jobTypes(): readonly string[];
}
