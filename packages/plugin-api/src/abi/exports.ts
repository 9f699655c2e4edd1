/** Functions a plugin's wasm exports: no parameters, an i32 result (0 = ok, 1 = error set). */
export const REQUIRED_EXPORTS = ["plugin_info", "handle_request"] as const;
export const OPTIONAL_EXPORTS = [
  "plugin_init",
  "plugin_shutdown",
  "plugin_health",
  "plugin_on_timer",
  "plugin_on_hook_event",
] as const;

export type GuestExport = (typeof REQUIRED_EXPORTS)[number] | (typeof OPTIONAL_EXPORTS)[number];

/** Input of `handle_request`, as JSON. The output is the result as JSON. */
export interface GuestRequest {
  method: string;
  params: unknown;
  requestId: string;
  /** Who asks. */
  caller: GuestCaller;
}

/** A caller as a guest sees it: what the node knows of it, never its credentials. */
export interface GuestCaller {
  kind: string;
  /** Which one of its kind: a token's id, a plugin's name. */
  id: string;
  /** Patterns of methods, and prefixes of keys, that it is granted. */
  grants: { methods: readonly string[]; kvPrefixes: readonly string[] };
}

/** The JSON that a guest sets as its Extism error. Any other text becomes the message of a `PLUGIN_TRAP`. */
export interface GuestErrorJson {
  code?: string;
  /** What a code of the plugin's own means: one of `ERROR_CLASSES`. */
  class?: string;
  message: string;
  details?: Record<string, unknown>;
  /** Stack trace in guest terms; the host logs it and never sends it to the caller. */
  stack?: string;
  /** The causes and inner errors behind it with their stacks, as lines; logged like the stack. */
  causes?: string;
}
