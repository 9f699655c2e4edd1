import type { Caller } from "@aspen/rpc-core";

export interface JobSubmitOptions {
  /**
   * The plugin is told of the job's end by an event of its default namespace, with this chain: what the job was caused by.
   * @default it is not told
   */
  readonly chain?: readonly string[];
}

/**
 * What the feature `jobs` gives to host functions, as the port `jobs`. Requests come from plugins, unchecked. A plugin
 * reaches the jobs that it submitted itself, and no others.
 */
export interface JobsPort {
  /**
   * `request` has the fields of `job.submit`. `caller` is the plugin with what it and its own caller are granted both: the
   * job calls others as him.
   *
   * @throws AspenError as `JobQueue.submit` of `@aspen/jobs`
   */
  submit(
    caller: Caller,
    request: Record<string, unknown>,
    options?: JobSubmitOptions,
  ): Promise<{ id: string; created: boolean }>;
  /** The job as `job.get` shows it; null when there is none of the type that is the plugin's. */
  get(plugin: string, type: string, id: string): Promise<object | null>;
  /** The job as it is then. @throws AspenError `JOB_NOT_FOUND`, `JOB_STATE` */
  cancel(plugin: string, type: string, id: string, reason?: string): Promise<object>;
}
