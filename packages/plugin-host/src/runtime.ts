import type { GuestExport, PluginManifest, PluginTierName } from "@aspen/plugin-api";
import type { Caller, TraceContext } from "@aspen/rpc-core";
import type { PluginHostContext } from "./host-context/host-context.js";
import type { VerdictStore } from "./plugin-store/verdict-store.js";

/** What a runtime needs to start a plugin. */
export interface PluginArtifact {
  /** As it was granted: with the overrides of whoever installed it. */
  manifest: PluginManifest;
  /** The artifacts by name, as the manifest's entry names them: for the WASM tier the wasm file. */
  files: ReadonlyMap<string, Uint8Array>;
  /** The loaded module; of native plugins only. */
  module?: unknown;
}

/** What a guest wrote to its log, not yet checked for more than its shape. */
export interface GuestLogRecord {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields?: Record<string, unknown>;
}

export type PluginHealth = { state: "healthy" } | { state: "degraded"; message: string };

export interface CallOptions {
  requestId: string;
  /**
   * Who asks. Calls that the plugin makes on the way are made with what this caller and the plugin are granted both:
   * `intersectGrants` of `@aspen/rpc-core`.
   */
  caller: Caller;
  signal?: AbortSignal;
  /** Its place in a trace: host calls are below it. @default none */
  trace?: TraceContext | undefined;
  /** The caller also takes the result as `JsonBytes`. @default false */
  takesJsonBytes?: boolean;
  /** Gets the records that the guest logs during the call, beside the node's log. Of the WASM tier only. */
  onLog?(record: GuestLogRecord): void;
  /**
   * A call that its signal gave up rejects when it runs no more, and not at once: it takes a fraction of a second. Of the
   * WASM tier only. @default false
   */
  outlastsGuest?: boolean;
}

export interface HealthOptions {
  /** On whose behalf: a node's own. It is to calls of the plugin what `CallOptions.caller` is. */
  caller: Caller;
  /** Gives the check up. */
  signal?: AbortSignal | undefined;
}

/** What a guest is told of that nobody has called. */
export type NotifyKind = "timer" | "event";

export interface NotifyOptions extends Pick<CallOptions, "requestId" | "caller" | "signal"> {
  /** What the guest's own events are caused by. @default nothing */
  chain?: readonly string[] | undefined;
}

/** The guest's export for each. */
export const NOTIFY_EXPORTS = { timer: "plugin_on_timer", event: "plugin_on_hook_event" } as const satisfies Record<
  NotifyKind,
  GuestExport
>;

/** A started plugin on one node. It hides how many instances serve it. */
export interface PluginInstance extends AsyncDisposable {
  /** Bytes of memory of all its instances, as far as was heard of them. @default not known */
  readonly memoryBytes?: number;
  /**
   * Answers one request; the params are a JSON value, or `JsonBytes` that nobody has checked.
   *
   * @throws AspenError one of the `PLUGIN_*` codes, `INVALID_PARAMS` when such params are no JSON, or the guest's
   * own code
   */
  call(method: string, params: unknown, options: CallOptions): Promise<unknown>;
  /**
   * Tells the guest of a timer or an event, with its JSON; resolves when the guest has done what it does with it.
   *
   * @throws AspenError as `call`
   */
  notify(what: NotifyKind, input: object, options: NotifyOptions): Promise<void>;
  /** Asks the guest's own health check; healthy when it has none. */
  health(options: HealthOptions): Promise<PluginHealth>;
  /** Lets calls under way end until the signal aborts, runs the guest's shutdown, frees everything. */
  drain(signal: AbortSignal): Promise<void>;
}

/**
 * A tier that runs plugins: native, WASM or IPC. `WasmPluginRuntime` is the one to copy.
 * `start` compiles, checks `plugin_info` against the manifest and runs `plugin_init`; when it throws,
 * nothing is left behind. When the signal aborts, it throws soon.
 */
export interface PluginRuntime extends AsyncDisposable {
  /** `entry.kind` of the plugins that it runs. */
  readonly tier: PluginTierName;
  /**
   * Makes sure that the code can be started without harm to the node. It is asked before every start; what has passed
   * is remembered in `verdicts`. A tier that runs trusted code has none.
   *
   * @throws AspenError what is wrong with the code
   */
  verify?(artifact: PluginArtifact, verdicts: VerdictStore): Promise<void>;
  start(artifact: PluginArtifact, host: PluginHostContext, signal?: AbortSignal): Promise<PluginInstance>;
}
