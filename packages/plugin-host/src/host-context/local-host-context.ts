import { guard } from "./guard.js";
import { type CallScope, type DeniedEvent, LOCAL_UNAVAILABLE, type LocalServices } from "./host-function.js";
import type { PluginGrant } from "./plugin-call.js";
import { HOST_FUNCTION_REGISTRY } from "./registry.js";
import { encodeError, encodeResult } from "./results.js";

export interface LocalHostContextOptions extends LocalServices {
  grant: PluginGrant;
  config: Record<string, unknown>;
  onDenied?: (event: DeniedEvent) => void;
}

/** Serves, inside a plugin's worker thread, the host calls that need no other thread. */
export class LocalHostContext implements CallScope {
  readonly grant: PluginGrant;
  readonly config: Record<string, unknown>;

  constructor(private readonly options: LocalHostContextOptions) {
    this.grant = options.grant;
    this.config = options.config;
  }

  /** The tagged result, or null when the main thread must be asked. Never throws. */
  invoke(name: string, args: readonly (Uint8Array | null)[]): Uint8Array | null {
    const known = HOST_FUNCTION_REGISTRY[name as keyof typeof HOST_FUNCTION_REGISTRY];
    if (known && !known.runLocally) return null;
    try {
      const { spec, implementation, prepared } = guard(this, name, args, this.options.onDenied);
      const result = implementation.runLocally?.(this.options, prepared, this);
      return result === LOCAL_UNAVAILABLE ? null : encodeResult(spec.result, result);
    } catch (error) {
      return encodeError(error);
    }
  }
}
