import type { ClusterPort, JobsPort } from "@aspen/feature";

/**
 * What features give to host functions, by name: an event log, timers, a signer. A package adds its own:
 *
 * ```ts
 * declare module "@aspen/plugin-host" {
 *   interface HostPorts { timers: TimerService }
 * }
 * ```
 *
 * and binds a `POINTS.hostPort` of that name. A host function finds it in its services as `ports`, or undefined where the
 * feature is off.
 */
export interface HostPorts {
  /** Of the feature `jobs`. */
  jobs: JobsPort;
  /** Of every node. */
  cluster: ClusterPort;
}
