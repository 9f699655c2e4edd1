import { setMaxListeners } from "node:events";
import type { PluginManifest } from "@aspen/plugin-api";
import { AspenError, encodeUtf8, type GuestExport, LIMITS, type NativeRequest } from "@aspen/plugin-api/abi";
import { JsonBytes, type TraceContext } from "@aspen/rpc-core";
import { callErrors, nativeErrors } from "../errors.js";
import { FailureLog, type FailureRecord } from "../guest/failure-log.js";
import { guestCaller } from "../guest/guest-caller.js";
import { errorOfGuest, logFieldsOf } from "../guest/guest-failure.js";
import { healthOf } from "../guest/health-report.js";
import { exactJson, messageProblem, textOfJsonBytes } from "../guest/json-text.js";
import type { PluginHostContext } from "../host-context/host-context.js";
import type { PluginCall } from "../host-context/plugin-call.js";
import {
  type CallOptions,
  type HealthOptions,
  NOTIFY_EXPORTS,
  type NotifyKind,
  type NotifyOptions,
  type PluginHealth,
  type PluginInstance,
} from "../runtime.js";
import { orAborted } from "../supervisor/or-aborted.js";
import { CallSlots } from "./call-slots.js";
import { type GuestCode, GuestThrew } from "./guest-code.js";
import { NativeCall } from "./native-call.js";

/** Milliseconds a plugin's own shutdown may take. */
const SHUTDOWN_MS = 5000;

interface RunOptions {
  requestId?: string;
  trace?: TraceContext | undefined;
  /** Gives it up with `reason`. */
  signal?: AbortSignal | undefined;
  reason?(): unknown;
  timeoutMs: number;
  /** What its host calls come from. */
  origin?: Pick<PluginCall, "chain" | "caller">;
}

/** A started plugin whose code speaks the native ABI. */
export class NativePluginInstance implements PluginInstance {
  readonly #slots: CallSlots;
  readonly #calls = new Set<NativeCall>();
  readonly #failures = new FailureLog((record, requestId) => void this.#tell(record, requestId));
  #draining = false;
  #closed = false;

  constructor(
    private readonly manifest: PluginManifest,
    private readonly code: GuestCode,
    private readonly host: PluginHostContext,
    private readonly onClosed: (instance: NativePluginInstance) => void | Promise<void>,
  ) {
    this.#slots = new CallSlots(manifest.name, manifest.max_instances);
  }

  /** Runs `plugin_init`. @throws AspenError what it failed with; the signal's reason when it aborts */
  async init(signal?: AbortSignal): Promise<void> {
    if (!this.code.exports.includes("plugin_init")) return;
    const timeoutMs = this.manifest.execution_timeout_ms;
    try {
      await this.#run("plugin_init", () => null, { signal, reason: () => signal?.reason, timeoutMs });
    } catch (error) {
      if (!(error instanceof GuestThrew)) throw error;
      const failure = errorOfGuest(this.manifest.name, error.failure, error.given);
      const { message, code } = failure;
      await this.#tell({ level: "error", message, fields: { code, ...logFieldsOf(error.failure) } });
      throw failure;
    }
  }

  async call(method: string, params: unknown, options: CallOptions): Promise<unknown> {
    const { name, execution_timeout_ms: timeoutMs } = this.manifest;
    const { requestId, signal, trace, takesJsonBytes, caller } = options;
    if (this.#draining) throw callErrors.unavailable(name, "it is stopping");
    const text = params instanceof JsonBytes ? textOfJsonBytes(params) : exactJson(params ?? null);
    const bytes = Buffer.byteLength(text);
    if (bytes > LIMITS.messageBytes) throw callErrors.requestTooLarge(name, bytes);
    const queuedAt = performance.now();
    await this.#slots.take(signal);
    this.host.reportWait(performance.now() - queuedAt);
    try {
      const input = (call: NativeCall): NativeRequest => {
        return { method, params: JSON.parse(text), requestId, caller: guestCaller(caller), signal: call.signal };
      };
      const reason = () => callErrors.cancelled(name);
      const limits = { requestId, signal, reason, timeoutMs, origin: { caller, trace } };
      const answer = encodeUtf8(await this.#run("handle_request", input, limits));
      const problem = messageProblem(answer);
      if (problem !== null) throw callErrors.invalidResponse(name, problem);
      return takesJsonBytes ? new JsonBytes(answer) : JSON.parse(Buffer.from(answer).toString("utf8"));
    } catch (error) {
      const told = error instanceof GuestThrew ? logFieldsOf(error.failure) : {};
      const failure =
        error instanceof GuestThrew ? errorOfGuest(name, error.failure, error.given) : AspenError.from(error);
      this.#failures.add({ method, requestId }, failure, told);
      throw failure;
    } finally {
      this.#slots.release();
    }
  }

  async notify(what: NotifyKind, input: object, options: NotifyOptions): Promise<void> {
    const { name, execution_timeout_ms: timeoutMs } = this.manifest;
    const { requestId, signal, chain, caller } = options;
    if (this.#draining) throw callErrors.unavailable(name, "it is stopping");
    const text = exactJson({ requestId, ...input });
    await this.#slots.take(signal);
    try {
      const reason = () => callErrors.cancelled(name);
      await this.#run(NOTIFY_EXPORTS[what], () => JSON.parse(text), {
        requestId,
        signal,
        reason,
        timeoutMs,
        origin: { chain, caller },
      });
    } catch (error) {
      const told = error instanceof GuestThrew ? logFieldsOf(error.failure) : {};
      const failure =
        error instanceof GuestThrew ? errorOfGuest(name, error.failure, error.given) : AspenError.from(error);
      this.#failures.add({ method: NOTIFY_EXPORTS[what], requestId }, failure, told);
      throw failure;
    } finally {
      this.#slots.release();
    }
  }

  async health({ signal }: HealthOptions): Promise<PluginHealth> {
    const { name, execution_timeout_ms: timeoutMs } = this.manifest;
    if (!this.code.exports.includes("plugin_health")) return { state: "healthy" };
    try {
      const reason = () => callErrors.cancelled(name);
      return healthOf(JSON.parse(await this.#run("plugin_health", () => null, { signal, reason, timeoutMs })));
    } catch (error) {
      const failure =
        error instanceof GuestThrew ? errorOfGuest(name, error.failure, error.given) : AspenError.from(error);
      return { state: "degraded", message: failure.message };
    }
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    await this.#slots.idle(signal);
    if (this.code.exports.includes("plugin_shutdown") && !signal.aborted) await this.#shutDown();
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#draining = true;
    this.#closed = true;
    for (const call of this.#calls) call.end(callErrors.unavailable(this.manifest.name, "it was stopped"));
    await this.onClosed(this);
  }

  async #shutDown(): Promise<void> {
    try {
      await this.#run("plugin_shutdown", () => null, { timeoutMs: SHUTDOWN_MS });
    } catch (error) {
      const failure =
        error instanceof GuestThrew
          ? errorOfGuest(this.manifest.name, error.failure, error.given)
          : AspenError.from(error);
      const fields = error instanceof GuestThrew ? logFieldsOf(error.failure) : {};
      await this.#tell({ level: "warn", message: `plugin_shutdown failed: ${failure.message}`, fields });
    }
  }

  /** Runs an export; gives its result as JSON. @throws GuestThrew, or why it was ended */
  async #run(name: GuestExport, input: (call: NativeCall) => unknown, options: RunOptions): Promise<string> {
    const { requestId, signal, reason, timeoutMs, origin } = options;
    const plugin = this.manifest.name;
    if (this.#closed) throw callErrors.unavailable(plugin, "it was stopped");
    // The init comes before it is ready.
    if (this.code.ready && name !== "plugin_init")
      await (signal ? orAborted(this.code.ready(), signal) : this.code.ready()).catch((error) => {
        throw signal?.aborted ? reason?.() : error;
      });
    const call = new NativeCall(this.host, { requestId, ...origin, deadline: performance.now() + timeoutMs });
    const giveUp = () => call.end(reason?.());
    const timer = setTimeout(() => call.end(nativeErrors.timeout(plugin, timeoutMs)), timeoutMs);
    this.#calls.add(call);
    try {
      // A call of which the signal has aborted already does not begin.
      if (signal?.aborted) throw reason?.();
      if (signal) setMaxListeners(0, signal);
      signal?.addEventListener("abort", giveUp, { once: true });
      return await call.run(() => this.code.run(name, () => input(call), call));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      this.#calls.delete(call);
    }
  }

  async #tell(record: FailureRecord | { level: "warn"; message: string; fields: object }, requestId?: string) {
    await this.host.invoke("log_write", [encodeUtf8(JSON.stringify(record))], { requestId });
  }
}
