export interface SupervisorOptions {
  /** Milliseconds between looks at the store for changes of other nodes that the watch missed. @default 5000 */
  pollMs?: number;
  /** Milliseconds between two health checks of a plugin. @default 10000 */
  healthMs?: number;
  /** Milliseconds after which a health check without an answer makes its plugin `degraded`. @default 10000 */
  healthTimeoutMs?: number;
  /** Milliseconds that calls under way get when their plugin is replaced or stopped. @default 10000 */
  drainMs?: number;
  /** Milliseconds after which a plugin that could not be started is tried again; doubles up to 60 s. @default 1000 */
  retryMs?: number;
  /**
   * Calls that end an instance of a plugin or run out of time, one after the other, after which it is out of service; 0:
   * never. @default 10
   */
  breakerFailures?: number;
  /** Milliseconds until one call of such a plugin is let through again; doubles up to 60 s. @default 1000 */
  breakerMs?: number;
  /**
   * Milliseconds that the start of a node waits for its plugins. Calls of a plugin that still starts wait for it in any
   * case. @default 0
   */
  startMs?: number;
  /** Milliseconds that the start of a plugin may take of which a node may have died; nothing is started beside it. @default 30000 */
  suspectMs?: number;
  /** Milliseconds without a sign of life after which a node that is starting a plugin counts as dead. @default 10000 */
  leaseMs?: number;
  /** No other node can use the store, so that a start that is noted at this one's begin ended with its node. @default false */
  soleNode?: boolean;
  /** Starts no plugin; they can be listed, enabled, disabled and removed. @default false */
  safeMode?: boolean;
}

export function resolveSupervisorOptions(options: SupervisorOptions = {}): Required<SupervisorOptions> {
  return {
    pollMs: options.pollMs ?? 5000,
    healthMs: options.healthMs ?? 10_000,
    healthTimeoutMs: options.healthTimeoutMs ?? 10_000,
    drainMs: options.drainMs ?? 10_000,
    retryMs: options.retryMs ?? 1000,
    breakerFailures: options.breakerFailures ?? 10,
    breakerMs: options.breakerMs ?? 1000,
    startMs: options.startMs ?? 0,
    suspectMs: options.suspectMs ?? 30_000,
    leaseMs: options.leaseMs ?? 10_000,
    soleNode: options.soleNode ?? false,
    safeMode: options.safeMode ?? false,
  };
}
