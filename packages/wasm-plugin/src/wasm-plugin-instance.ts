import { setImmediate } from "node:timers/promises";
import { AspenError, jsonNestsDeeper, jsonProblem, LIMITS, type PluginManifest } from "@aspen/plugin-api";
import {
  type CallOptions,
  CallState,
  errorOfGuest,
  exactJson,
  FailureLog,
  type GuestFailure,
  type HealthOptions,
  healthOf,
  logFieldsOf,
  NOTIFY_EXPORTS,
  type NotifyKind,
  type NotifyOptions,
  type PluginCall,
  type PluginHealth,
  type PluginInstance,
} from "@aspen/plugin-host";
import { type Caller, JsonBytes, rpcErrors } from "@aspen/rpc-core";
import { wasmErrors } from "./errors.js";
import { guestRequest } from "./guest-request.js";
import type { LoadedModule } from "./module-loader.js";
import type { InstancePool } from "./pool/instance-pool.js";
import { type GuestInput, inputBytes } from "./protocol/guest-input.js";
import { type CallOutcome, ERROR_CHARACTERS } from "./protocol/messages.js";
import type { PluginLog } from "./stacks/plugin-log.js";

/** Milliseconds a plugin's own shutdown may take, all instances together. */
const SHUTDOWN_MS = 5000;

/** Page size of linear memory (WebAssembly Core Specification, section 4.2.8). */
const WASM_PAGE_BYTES = 65_536;

/** A started WASM plugin: turns requests into guest calls and their outcomes into results or errors. */
export class WasmPluginInstance implements PluginInstance {
  readonly #failures = new FailureLog((record, requestId) => this.log.tell(record, requestId));

  constructor(
    private readonly manifest: PluginManifest,
    private readonly loaded: Pick<LoadedModule, "exports">,
    private readonly pool: InstancePool,
    private readonly log: PluginLog,
  ) {}

  get memoryBytes(): number {
    return this.pool.memoryBytes;
  }

  async call(method: string, params: unknown, options: CallOptions): Promise<unknown> {
    const input = guestRequest(options.requestId, method, params, options.caller);
    const bytes = inputBytes(input);
    if (bytes > LIMITS.messageBytes) throw wasmErrors.requestTooLarge(this.manifest.name, bytes);
    const given = new Set<string>();
    const outcome = await this.#outcome(input, options, given);
    try {
      const answer = outputOf(this.manifest, outcome, LIMITS.messageBytes, given);
      return options.takesJsonBytes ? new JsonBytes(answer) : parsed(this.manifest, answer);
    } catch (error) {
      const { requestId } = options;
      this.#failures.add({ method, requestId }, AspenError.from(error), guestFailureFields(outcome));
      throw error;
    }
  }

  async #outcome(
    input: GuestInput,
    { requestId, caller, signal, outlastsGuest, trace, onLog }: CallOptions,
    given: Set<string>,
  ): Promise<CallOutcome> {
    using state = new CallState();
    const origin = { ...originOf(requestId, caller, signal, given), trace, state };
    const call = () => this.pool.call("handle_request", input, { signal, outlastsGuest, origin });
    if (!onLog) return await call();
    using _tap = this.log.tap(requestId, onLog);
    try {
      return await call();
    } finally {
      // Its records were sent before its result, which came another way.
      await setImmediate();
      await this.log.flush();
    }
  }

  async notify(what: NotifyKind, input: object, options: NotifyOptions): Promise<void> {
    const { requestId, caller, signal, chain } = options;
    const name = NOTIFY_EXPORTS[what];
    using state = new CallState();
    const given = new Set<string>();
    const outcome = await this.pool.call(name, exactJson({ requestId, ...input }), {
      signal,
      origin: { ...originOf(requestId, caller, signal, given), chain, state },
    });
    try {
      // What it says in its answer interests nobody.
      outputOf(this.manifest, outcome, LIMITS.messageBytes, given);
    } catch (error) {
      this.#failures.add({ method: name, requestId }, AspenError.from(error), guestFailureFields(outcome));
      throw error;
    }
  }

  async health({ signal }: HealthOptions): Promise<PluginHealth> {
    if (!this.loaded.exports.includes("plugin_health")) return { state: "healthy" };
    try {
      return healthOf(parseReport(this.manifest, await this.pool.call("plugin_health", "", { signal })));
    } catch (error) {
      return { state: "degraded", message: AspenError.from(error).message };
    }
  }

  async drain(signal: AbortSignal): Promise<void> {
    await this.pool.drain(signal);
    if (this.loaded.exports.includes("plugin_shutdown") && !signal.aborted) {
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), SHUTDOWN_MS);
      });
      try {
        this.#logShutdown(await Promise.race([this.pool.callEach("plugin_shutdown"), limit]));
      } finally {
        clearTimeout(timer);
      }
    }
    await this[Symbol.asyncDispose]();
  }

  /** One line when an instance did not stop in order; null when that took too long. */
  #logShutdown(ends: readonly CallOutcome[] | null): void {
    const failed = ends?.find(({ kind }) => kind !== "output");
    if (ends && !failed) return;
    let message = `plugin_shutdown took longer than ${SHUTDOWN_MS} ms and was stopped`;
    try {
      if (failed) outputOf(this.manifest, failed, REPORT_BYTES);
    } catch (error) {
      message = `plugin_shutdown failed: ${AspenError.from(error).message}`;
    }
    this.log.tell({ level: "warn", message });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
    await this.log.flush();
  }
}

function originOf(requestId: string, caller: Caller, signal: AbortSignal | undefined, given: Set<string>): PluginCall {
  return { requestId, caller, given, signals: signal ? [signal] : [] };
}

/** Bytes of what `plugin_info` and `plugin_health` say. */
const REPORT_BYTES = 65_536;

/**
 * What an export other than `handle_request` says of its plugin.
 * @throws AspenError the guest's own error, or a `PLUGIN_*` code
 */
export function parseReport(manifest: PluginManifest, outcome: CallOutcome): unknown {
  const report = outputOf(manifest, outcome, REPORT_BYTES);
  const problem = jsonProblem(report, { depth: LIMITS.jsonDepth });
  if (problem) throw wasmErrors.invalidResponse(manifest.name, problem.problem);
  return parsed(manifest, report);
}

function parsed({ name }: PluginManifest, output: Buffer): unknown {
  try {
    return JSON.parse(output.toString("utf8"));
  } catch (error) {
    throw wasmErrors.invalidResponse(name, error instanceof Error ? error.message : "it is not JSON");
  }
}

function outputOf(
  manifest: PluginManifest,
  outcome: CallOutcome,
  maxBytes: number,
  given?: ReadonlySet<string>,
): Buffer {
  const { name } = manifest;
  switch (outcome.kind) {
    case "output":
      if (outcome.output.length > maxBytes) throw wasmErrors.invalidResponse(name, "it is over the size limit");
      return outcome.output;
    case "error":
      throw guestError(manifest, outcome.error, outcome.memoryBytes, given);
    case "trap":
      if (outcome.memoryBytes >= usableMemory(manifest)) throw wasmErrors.outOfMemory(name, manifest.memory_limit);
      throw wasmErrors.ended(name, outcome.message);
    case "invalid":
      throw wasmErrors.invalidResponse(name, outcome.problem);
    case "refused":
      throw rpcErrors.badBody(outcome.problem);
    case "interrupted":
      throw wasmErrors.timeout(name, manifest.execution_timeout_ms);
  }
}

/** Characters of a text, in place of an error, that reach the caller. */
const MESSAGE_MAX = 4096;

/** QuickJS throws null when it has no memory left for an error object; then most of the limit is in use. */
const NULL_THROWN = "threw a null";

function guestError(
  manifest: PluginManifest,
  text: string,
  memoryBytes: number,
  given: ReadonlySet<string> | undefined,
): AspenError {
  const { name, memory_limit: limit } = manifest;
  const json = guestErrorJson(text);
  const full = memoryBytes >= usableMemory(manifest);
  if (!json && !full && isUnreadable(text)) {
    return wasmErrors.trap(name, "an error that is too large, or nests too deep, to be read");
  }
  // A guest of another language may set any text; it is the message then.
  if (!json) return full ? wasmErrors.outOfMemory(name, limit) : wasmErrors.trap(name, text.slice(0, MESSAGE_MAX));
  const { code, message } = json;
  if (code === "PLUGIN_OUT_OF_MEMORY" || (message === NULL_THROWN && memoryBytes > limit / 2)) {
    return wasmErrors.outOfMemory(name, limit);
  }
  return errorOfGuest(name, json, given);
}

/** The part of a plugin's memory_limit that the engine can give: whole pages. */
export function usableMemory({ memory_limit: limit }: Pick<PluginManifest, "memory_limit">): number {
  return limit - (limit % WASM_PAGE_BYTES);
}

/** What a guest's error says for the log alone. */
export function guestFailureFields(outcome: CallOutcome): { stack?: string; causes?: string } {
  const failure = outcome.kind === "error" ? guestErrorJson(outcome.error) : null;
  return failure ? logFieldsOf(failure) : {};
}

function isUnreadable(text: string): boolean {
  return text.length > ERROR_CHARACTERS || jsonNestsDeeper(text, LIMITS.jsonDepth);
}

function guestErrorJson(text: string): GuestFailure | null {
  if (isUnreadable(text)) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as GuestFailure) : null;
  } catch {
    // Not an error of our SDK.
    return null;
  }
}
