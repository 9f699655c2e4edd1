import { setMaxListeners } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type AspenError, type HostFunctionName, isImmediate, type NativeHost } from "@aspen/plugin-api/abi";
import { nativeErrors } from "../errors.js";
import { CallState } from "../host-context/call-state.js";
import type { PluginHostContext } from "../host-context/host-context.js";
import { LocalHostContext } from "../host-context/local-host-context.js";
import type { PluginCall } from "../host-context/plugin-call.js";
import { encodeError } from "../host-context/results.js";
import { nativeHosts } from "./hosts.js";

/**
 * Milliseconds for which a plugin goes from host call to host call before the rest of the process has its turn. A store
 * that answers at once never gives it up, and a deadline is a timer.
 */
const TURN_MS = 10;

/** One call of a native plugin: what its code reaches of the host, and until when. */
export class NativeCall implements NativeHost {
  readonly #controller = new AbortController();
  readonly #origin: PluginCall;
  readonly #state = new CallState();
  /** Codes of the errors that its host calls ended with. */
  readonly given = new Set<string>();
  readonly #local: LocalHostContext;
  readonly #logged = new Set<Promise<Uint8Array>>();
  #turnBegan = performance.now();
  #reject: (reason: unknown) => void = () => undefined;
  #over = false;

  constructor(
    private readonly host: PluginHostContext,
    origin: PluginCall = {},
  ) {
    // Every call that the plugin makes on the way listens to it.
    setMaxListeners(0, this.#controller.signal);
    const { grant, config, clock } = host;
    this.#origin = { ...origin, signals: [this.#controller.signal], state: this.#state, given: this.given };
    this.#local = new LocalHostContext({ grant, config, clock, reader: null });
  }

  /** Aborts when the call is over for its caller. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Runs the plugin's code with this as its host. Rejects at once when the call is ended; the code may go on alone. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const ended = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    try {
      const result = await Promise.race([nativeHosts().run(this, work), ended]);
      // What it said comes before its answer.
      await Promise.all(this.#logged);
      return result;
    } finally {
      this.#over = true;
      this.#state[Symbol.dispose]();
    }
  }

  /** Ends it for its caller with `reason`. From now on its code is refused the host, though it can still log. */
  end(reason: AspenError | unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#reject(reason);
    this.#controller.abort(reason);
  }

  call(name: HostFunctionName, args: readonly (Uint8Array | null)[]): Uint8Array | Promise<Uint8Array> {
    if (isImmediate(name)) return this.#local.invoke(name, args)!;
    if (name === "log_write") return this.#log(args);
    return this.#invoke(name, args);
  }

  async #invoke(name: HostFunctionName, args: readonly (Uint8Array | null)[]): Promise<Uint8Array> {
    if (performance.now() - this.#turnBegan > TURN_MS) {
      await nextTurn();
      this.#turnBegan = performance.now();
    }
    if (this.#over) return encodeError(nativeErrors.callOver(this.host.grant.plugin, name));
    return this.host.invoke(name, args, this.#origin);
  }

  #log(args: readonly (Uint8Array | null)[]): Promise<Uint8Array> {
    const written = this.host.invoke("log_write", args, this.#origin);
    if (this.#over) return written;
    this.#logged.add(written);
    void written.then(() => this.#logged.delete(written));
    return written;
  }
}
