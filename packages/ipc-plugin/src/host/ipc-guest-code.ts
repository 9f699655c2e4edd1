import { isUtf8 } from "node:buffer";
import {
  type AspenError,
  decodeUtf8,
  encodeUtf8,
  type GuestExport,
  isAspenError,
  jsonNestsDeeper,
  LIMITS,
  type NativeRequest,
} from "@aspen/plugin-api/abi";
import { Backoff, exactJson, type GuestFailure } from "@aspen/plugin-host";
import { type GuestCode, GuestThrew, type NativeCall } from "@aspen/plugin-host/native";
import { type ServiceError, status } from "@grpc/grpc-js";
import { ipcErrors } from "../errors.js";
import type { CallReply, CallRequest, InfoReply } from "../rpc/messages.js";
import { type CalledExport, METHODS } from "../rpc/method-names.js";
import { Plugin } from "../rpc/services.js";
import type { PluginProcess } from "./plugin-process.js";

/** Milliseconds for which a process must have run for its end to be the first of a row. */
const STEADY_MS = 10_000;

export interface IpcGuestCodeParts {
  readonly plugin: string;
  /** Starts a process, and checks what it says of itself. */
  start(): Promise<{ process: PluginProcess; info: InfoReply }>;
  /** Runs the plugin's init in the process that was started anew. */
  restarted(): Promise<void>;
}

/** A plugin's code in a process of its own, which is started anew when it has ended. */
export class IpcGuestCode implements GuestCode, AsyncDisposable {
  readonly exports: readonly string[];
  readonly #backoff = new Backoff();
  #process: PluginProcess;
  #startedAt = performance.now();
  #endedEarly = false;
  #restarting: Promise<void> | null = null;
  #probing: Promise<void> | null = null;
  #closed = false;

  constructor(
    private readonly parts: IpcGuestCodeParts,
    { process, info }: { process: PluginProcess; info: InfoReply },
  ) {
    this.exports = info.exports;
    this.#process = process;
  }

  async run(name: GuestExport, input: () => unknown, call: NativeCall): Promise<string> {
    const process = this.#process;
    const { id, remove } = process.calls.add(call);
    try {
      const request = requestOf(id, input());
      const method = Plugin.service[METHODS[name as CalledExport]]!;
      const { signal } = call;
      const reply = await process.connection.unary<CallRequest, CallReply>(method, request, { signal });
      return this.#resultOf(reply, call);
    } catch (error) {
      if (call.signal.aborted && !this.#closed) this.#probe(process);
      throw await this.#failureOf(error, process);
    } finally {
      remove();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#restarting?.catch(() => undefined);
    await this.#process[Symbol.asyncDispose]();
  }

  /** Starts another process when the last one has ended. @throws AspenError `PLUGIN_UNAVAILABLE` */
  async ready(): Promise<void> {
    await this.#probing;
    if (this.#closed || this.#process.how === null) {
      await this.#restarting;
      return;
    }
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = null;
    });
    await this.#restarting;
  }

  async #restart(): Promise<void> {
    const { plugin } = this.parts;
    if (this.#backoff.left > 0) throw ipcErrors.waiting(plugin, this.#backoff.left);
    if (performance.now() - this.#startedAt > STEADY_MS) {
      this.#backoff.succeeded();
      this.#endedEarly = false;
    }
    // The first end of a row is forgiven; each further one makes the next start wait.
    if (this.#endedEarly) this.#backoff.failed();
    this.#endedEarly = true;
    await this.#process[Symbol.asyncDispose]();
    const { process } = await this.parts.start();
    this.#process = process;
    this.#startedAt = performance.now();
    try {
      if (this.#closed) throw ipcErrors.ended(plugin, "as it was stopped");
      await this.parts.restarted();
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  #probe(process: PluginProcess): void {
    const probing = Promise.all([this.#probing, process.probe()]).then(() => {
      if (this.#probing === probing) this.#probing = null;
    });
    this.#probing = probing;
  }

  async #failureOf(error: unknown, process: PluginProcess): Promise<GuestThrew | AspenError> {
    const { plugin } = this.parts;
    if (error instanceof GuestThrew || isAspenError(error)) return error;
    const { code, details } = error as ServiceError;
    if (code === status.RESOURCE_EXHAUSTED) return ipcErrors.invalidResponse(plugin, "it is over the size limit");
    if (code !== status.UNAVAILABLE && code !== status.CANCELLED)
      return ipcErrors.trap(plugin, details ?? String(error));
    return ipcErrors.ended(plugin, process.how ?? "or closed its connection");
  }

  #resultOf({ output, error }: CallReply, { given }: NativeCall): string {
    const { plugin } = this.parts;
    const bytes = output ?? error;
    if (!bytes || bytes.length > LIMITS.messageBytes)
      throw ipcErrors.invalidResponse(plugin, "it is over the size limit");
    if (!isUtf8(bytes)) throw ipcErrors.invalidResponse(plugin, "it is not UTF-8");
    const text = decodeUtf8(bytes);
    if (output) return text || "null";
    throw new GuestThrew(this.#failure(text), given);
  }

  #failure(text: string): GuestFailure {
    try {
      const parsed: unknown = jsonNestsDeeper(text, LIMITS.jsonDepth) ? null : JSON.parse(text);
      if (typeof parsed === "object" && parsed !== null) return parsed as GuestFailure;
    } catch {
      // A plugin of another language may say anything; it is the message then.
    }
    return { message: text };
  }
}

function requestOf(id: string, input: unknown): CallRequest {
  const { method, params, requestId, caller } = (input ?? {}) as Partial<NativeRequest>;
  const sent = method === undefined ? input : params;
  return {
    call_id: id,
    method: method ?? "",
    request_id: requestId ?? "",
    caller: caller ? exactJson(caller) : "",
    input: sent === null && method === undefined ? new Uint8Array() : encodeUtf8(exactJson(sent ?? null)),
  };
}
