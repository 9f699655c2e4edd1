/**
 * Work in the background. Services are started one after the other in the order of their features, before the node
 * answers requests; they are drained and disposed in reverse.
 */
export interface Service extends AsyncDisposable {
  readonly name: string;
  /** Resolves when it runs. When it rejects, the node does not start. The signal aborts when the node gives up or stops. */
  start(signal: AbortSignal): Promise<void>;
  /** Takes on nothing new and ends what is under way. The signal aborts when the node waits no longer. */
  drain?(signal: AbortSignal): Promise<void>;
}
