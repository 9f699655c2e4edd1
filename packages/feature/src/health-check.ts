/** Says whether a part of the node can do its work now. A node of which one part cannot is not ready. */
export interface HealthCheck {
  readonly name: string;
  /** The signal aborts when nobody waits any more; what has not answered by then counts as degraded. */
  check(signal: AbortSignal): Promise<HealthReport>;
}

export type HealthReport = { readonly state: "healthy" } | { readonly state: "degraded"; readonly message: string };
