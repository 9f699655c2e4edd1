import { AspenError, encodeUtf8, errorResult, findHostFunction, LIMITS, RESULT_OK } from "@aspen/plugin-api/abi";
import type { LocalHostContext } from "@aspen/plugin-host/local";
import type { SyncKvReader } from "@aspen/storage";
import type { EngineHost } from "../engine/wasm-engine.js";
import type { WorkerSlot } from "../protocol/channel.js";
import { requestIdOf } from "../protocol/request-id.js";

/** Log records of one call that reach the node; a guest that writes more is cut off with one warning. */
const LOG_RECORDS_PER_CALL = 1000;
const LOG_BYTES_PER_CALL = 1024 * 1024;

const NO_BYTES: Uint8Array = new Uint8Array(0);

export interface HostCallsOptions {
  local: LocalHostContext;
  reader: SyncKvReader | null;
  slot: WorkerSlot;
  timeoutMs: number;
  /** Sends a log record of a request to the main thread without waiting. */
  sendLog(record: Uint8Array, requestId?: string): void;
  /** Called for each host call that this thread served itself. */
  onLocal(name: string): void;
  /** Called before the thread blocks, so that finished results do not wait with it. */
  flush(): void;
}

/** Serves a guest's host calls: what it can in this thread, the rest through the slot. */
export class HostCalls implements EngineHost {
  #sequence = 0;
  #deadline = Number.POSITIVE_INFINITY;
  #logRecords = 0;
  #logBytes = 0;
  #stopped = false;
  #input = NO_BYTES;
  /** Of the running call; null until a record needs it. */
  #requestId: { id: string | undefined } | null = null;

  constructor(private readonly options: HostCallsOptions) {}

  /** True when the call that ran last was told to stop. */
  get stopped(): boolean {
    return this.#stopped;
  }

  begin(sequence: number, input: Uint8Array = NO_BYTES): void {
    this.#sequence = sequence;
    this.#input = input;
    this.#requestId = null;
    this.#deadline = performance.now() + this.options.timeoutMs;
    this.#logRecords = 0;
    this.#logBytes = 0;
    this.#stopped = false;
    this.options.reader?.refresh();
    this.options.slot.begin(sequence);
  }

  /** True when nobody waits for the call any more. */
  isAbandoned(sequence: number): boolean {
    return this.options.slot.interruptRequested(sequence);
  }

  forget(sequence: number): void {
    this.options.slot.forget(sequence);
  }

  end(): void {
    // From here on the bytes belong to another call.
    this.#input = NO_BYTES;
    this.options.slot.end();
  }

  interrupted(): boolean {
    if (performance.now() < this.#deadline && !this.options.slot.interruptRequested(this.#sequence)) return false;
    this.#stopped = true;
    this.options.flush();
    return true;
  }

  hostCall(name: Parameters<EngineHost["hostCall"]>[0], args: (Uint8Array | null)[]): Uint8Array {
    if (name === "log_write") return this.#log(args[0] ?? null);
    const local = this.options.local.invoke(name, args);
    if (local) {
      this.options.onLocal(name);
      return local;
    }
    this.options.flush();
    const result = this.options.slot.call(name, args);
    if (!result) return tooLarge(`the parameters of ${name} are over the limit of a host call`);
    // What was waited for may have written.
    if (findHostFunction(name)?.effect === "write" || name === "call_wait") this.options.reader?.refresh();
    return result;
  }

  #log(record: Uint8Array | null): Uint8Array {
    if (!record || this.#logRecords > LOG_RECORDS_PER_CALL) return Uint8Array.of(RESULT_OK);
    if (record.length > LIMITS.logRecordBytes) {
      return tooLarge(`a log record has at most ${LIMITS.logRecordBytes} bytes`);
    }
    this.#logRecords += 1;
    this.#logBytes += record.length;
    if (this.#logRecords <= LOG_RECORDS_PER_CALL && this.#logBytes <= LOG_BYTES_PER_CALL) {
      this.#send(record);
    } else {
      this.#logRecords = LOG_RECORDS_PER_CALL + 1;
      const message = `more than ${LOG_RECORDS_PER_CALL} log records, or ${LOG_BYTES_PER_CALL} bytes of them, in one call; the rest is dropped`;
      this.#send(encodeUtf8(JSON.stringify({ level: "warn", message })));
    }
    return Uint8Array.of(RESULT_OK);
  }

  #send(record: Uint8Array): void {
    this.#requestId ??= { id: requestIdOf(this.#input) };
    this.options.sendLog(record, this.#requestId.id);
  }
}

function tooLarge(message: string): Uint8Array {
  return errorResult(new AspenError("PAYLOAD_TOO_LARGE", message));
}
