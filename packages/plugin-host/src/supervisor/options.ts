export interface SupervisorOptions {
  /** Milliseconds between looks at the store for changes that other nodes made. @default 500 */
  pollMs?: number;
  /** Milliseconds between two health checks of a plugin. @default 10000 */
  healthMs?: number;
  /** Milliseconds that calls under way get when their plugin is replaced or stopped. @default 10000 */
  drainMs?: number;
  /** Milliseconds after which a plugin that could not be started is tried again; doubles up to 60 s. @default 1000 */
  retryMs?: number;
  /** Milliseconds that the start of a node waits for its plugins. @default 30000 */
  startMs?: number;
}

export function resolveSupervisorOptions(options: SupervisorOptions = {}): Required<SupervisorOptions> {
  return {
    pollMs: options.pollMs ?? 500,
    healthMs: options.healthMs ?? 10_000,
    drainMs: options.drainMs ?? 10_000,
    retryMs: options.retryMs ?? 1000,
    startMs: options.startMs ?? 30_000,
  };
}
