/**
 * Work in the background. Services are started one after the other in the order of their features, before the node
 * answers requests; they are drained and disposed in reverse. A service is disposed also when it was never started,
 * because one before it failed: what it opens belongs into `start`.
 */
export interface Service extends AsyncDisposable {
  /** For logs and errors. */
  readonly name: string;
  /**
   * It tells others of this node: it is started when the node answers requests, and drained before it stops to.
   * @default false
   */
  readonly announces?: boolean;
  /**
   * Resolves when it runs. When it rejects, or takes longer than `limits.serviceStartMs`, the node does not start. The
   * signal aborts when the node gives the start up, and otherwise when the service is disposed.
   */
  start(signal: AbortSignal): Promise<void>;
  /** Takes on nothing new and ends what is under way. The signal aborts when the node waits no longer. @default nothing to end */
  drain?(signal: AbortSignal): Promise<void>;
}
