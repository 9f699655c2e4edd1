/** What a handler learns of its call beside the params. */
export interface CallContext {
  method: string;
  /** Id under which the node logs the call. */
  requestId: string;
  /**
   * Aborts when nobody waits for the answer any more. Only where the plugin runs in the node's process, which cannot
   * stop it from outside; in WASM the call is stopped, and there is none.
   */
  signal?: AbortSignal;
}

/** Answers one method. Its result travels as JSON; bytes as `{"base64": "…"}`. */
// biome-ignore lint/suspicious/noExplicitAny: each handler names the type of its own params
export type Handler = (params: any, context: CallContext) => unknown;

/** Nothing or true: healthy. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement is healthy
export type PluginHealthReport = void | boolean | { state: "healthy" | "degraded"; message?: string };

export interface PluginDefinition {
  /** By the full name of their method, which plugin.json's `handles` must cover. */
  handlers: Record<string, Handler>;
  /** Runs once for each instance before its first call. */
  onInit?(): void | Promise<void>;
  /** Runs before an instance ends in order; a killed one does not run it. */
  onShutdown?(): void | Promise<void>;
  /** Asked regularly. */
  onHealth?(): PluginHealthReport | Promise<PluginHealthReport>;
  /** A timer of the plugin is due. No node has timers yet; the name is kept for them. */
  onTimer?(timer: unknown): void | Promise<void>;
  /** An event that the plugin subscribed to. No node has events yet; the name is kept for them. */
  onHookEvent?(event: unknown): unknown;
}
