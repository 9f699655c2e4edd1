/** Who calls a handler, as the node knows it. */
export interface GuestCaller {
  /** `local`, `token`, `plugin`, `node` or `anonymous`: `Caller` of `@aspen/rpc-core` says what each means. */
  kind: string;
  /** Which one of its kind: a token's id, a plugin's name. Never a secret. */
  id: string;
  /** What it may do: patterns of methods (`notes.*`, `*`), and beginnings of keys. */
  grants: { methods: readonly string[]; kvPrefixes: readonly string[] };
}

/** What a handler learns of its call beside the params. */
export interface CallContext {
  method: string;
  /** Who asks. The node has checked that it may call the method; what else it may, the plugin decides. */
  caller: GuestCaller;
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

/** One tick of a timer. */
export interface TimerTick<P = unknown> {
  /** The timer's. */
  name: string;
  /** Whether plugin.json has the timer, or `timers.set` made it. */
  origin: "manifest" | "set";
  /** The same for the same tick at every attempt. */
  id: string;
  /** Milliseconds since the Unix epoch; the call comes then or later. */
  scheduledAt: number;
  payload: P;
  /** 1 for the first call with this tick. */
  attempt: number;
  /** Id under which the node logs the call. */
  requestId: string;
}

/** An event of a namespace of the plugin. The names are those of CloudEvents 1.0; `topic` is its `type`. */
export interface HookEvent<D = unknown> {
  /** Unlike that of every other event; larger ones are later in the same namespace. */
  id: string;
  namespace: string;
  topic: string;
  /** Who emitted it: `aspen:plugin/<name>` for a plugin. */
  source: string;
  subject?: string;
  /** When it was emitted, RFC 3339. */
  time: string;
  contentType?: string;
  /** What JSON says, of a JSON media type; a `Uint8Array` of any other; absent when it has none. */
  data?: D;
  /** What it was caused by, the first cause first: `plugin:<name>` for a plugin that was told of another event. */
  chain: readonly string[];
  attributes: Readonly<Record<string, string>>;
  /** 1 for the first call with this event. */
  attempt: number;
  /** Id under which the node logs the call. */
  requestId: string;
}

export interface PluginDefinition {
  /** By the full name of their method, which plugin.json's `handles` must cover. */
  handlers: Record<string, Handler>;
  /** Runs once for each instance before its first call. */
  onInit?(): void | Promise<void>;
  /** Runs before an instance ends in order; a killed one does not run it. */
  onShutdown?(): void | Promise<void>;
  /** Asked regularly. */
  onHealth?(): PluginHealthReport | Promise<PluginHealthReport>;
  /**
   * A timer of the plugin is due: once in the cluster for each tick. When it throws it is called again with the same tick, up
   * to ten times, with growing pauses; so it is when its node dies before the tick is recorded.
   */
  onTimer?(tick: TimerTick): void | Promise<void>;
  /**
   * An event that plugin.json's `subscriptions` ask for: at least once, one after the other, in the order of their commits.
   * When it throws it is called again with the same event, with growing pauses; after eight failures the event goes to the
   * plugin's dead events, and the next one comes. The event's `id` tells whether it came before.
   */
  onHookEvent?(event: HookEvent): unknown;
}
