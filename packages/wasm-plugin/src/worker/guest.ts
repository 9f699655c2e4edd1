import { encodeUtf8, type GuestExport } from "@aspen/plugin-api/abi";
import type { EngineInstance, WasmEngine } from "../engine/wasm-engine.js";
import { type CallEnd, type CallOutcome, type LoadMessage, type ModuleEntry, outcomeOf } from "../protocol/messages.js";
import { answerEnd, errorEnd, outputEnd, refusal } from "./checked.js";
import type { HostCalls } from "./host-calls.js";

const NO_BYTES = new Uint8Array(0);

/** Every running call has a number of its own; a start that no call waits for has this one. */
const START = -1;

/** Why an instance could not be made ready. */
export class GuestStartError extends Error {
  constructor(
    readonly phase: "instantiate" | "plugin_info" | "plugin_init",
    readonly end: CallEnd,
  ) {
    super(`${phase} failed`);
  }

  get outcome(): CallOutcome {
    return outcomeOf(this.end);
  }
}

/** The plugin instance of this worker; a broken one is replaced by a fresh one from the same module. */
export class Guest {
  #instance: EngineInstance | null = null;

  constructor(
    private readonly engine: WasmEngine,
    private readonly load: LoadMessage,
    private readonly host: HostCalls,
  ) {}

  /**
   * Makes an instance ready and returns what its `plugin_info` says. The whole start has the limit of one call. A start
   * with the number of a call stops when that call is stopped.
   *
   * @throws GuestStartError
   */
  async start(sequence = START): Promise<string> {
    // One that is no plugin starts within its call, so that whatever stops the call stops its start.
    if (this.load.entry && sequence === START) return "";
    this.host.begin(sequence);
    try {
      return await this.#start();
    } catch (error) {
      this.#instance = null;
      throw error;
    } finally {
      this.host.end();
    }
  }

  async #start(): Promise<string> {
    try {
      this.#instance = await this.engine.instantiate(this.load, this.host);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new GuestStartError("instantiate", { kind: "trap", text: encodeUtf8(message), memoryBytes: 0 });
    }
    if (this.load.entry) return "";
    const info = await this.#required("plugin_info");
    if (this.#instance?.has("plugin_init")) await this.#required("plugin_init");
    return info;
  }

  /** Answers a call. When `paramsAt` is not 0, the params begin there in the input and are still to be checked. */
  async call(sequence: number, name: GuestExport, input: Uint8Array, paramsAt: number): Promise<CallEnd> {
    if (this.host.isAbandoned(sequence)) {
      this.host.forget(sequence);
      return { kind: "interrupted", text: NO_BYTES, memoryBytes: 0 };
    }
    if (!this.#instance) {
      const failure = await this.#restart(sequence);
      if (failure) {
        this.host.forget(sequence);
        return failure;
      }
    }
    this.host.begin(sequence, input);
    let end: CallEnd;
    try {
      const { entry } = this.load;
      if (entry) end = await this.#run(entry.export, input.subarray(paramsAt), entry.output);
      else end = (paramsAt > 0 ? refusal(input, paramsAt) : null) ?? (await this.#run(name, input));
    } finally {
      this.host.end();
    }
    this.host.forget(sequence);
    if (this.load.entry) {
      this.#instance = null;
      return end;
    }
    const spent = end.kind === "trap" || end.kind === "interrupted";
    const full = end.kind === "error" && end.memoryBytes >= this.load.memoryBytes;
    if (spent || full || this.load.isolation === "call") {
      this.#instance = null;
      // This happens before anybody knows of the result, so that the thread is not taken for an idle one.
      this.host.begin(START);
    }
    return end;
  }

  /**
   * Replaces a spent instance ahead of the next call. When that fails, the next call tries again and gets the error.
   */
  async prepare(): Promise<void> {
    if (!this.#instance && !this.load.entry) await this.#restart(START);
  }

  async #restart(sequence: number): Promise<CallEnd | null> {
    try {
      await this.start(sequence);
      return null;
    } catch (error) {
      if (error instanceof GuestStartError) return error.end;
      throw error;
    }
  }

  async #required(name: "plugin_info" | "plugin_init"): Promise<string> {
    const end = await this.#run(name, NO_BYTES);
    const outcome = outcomeOf(end);
    if (outcome.kind === "output") return outcome.output.toString("utf8");
    throw new GuestStartError(name, end);
  }

  async #run(
    name: string,
    input: Uint8Array,
    output: ModuleEntry["output"] = name === "handle_request" ? "json" : "text",
  ): Promise<CallEnd> {
    const instance = this.#instance;
    if (!instance) return { kind: "trap", text: encodeUtf8("the instance is gone"), memoryBytes: 0 };
    const outcome = await instance.call(name, input);
    const memoryBytes = instance.memoryBytes();
    if (this.host.stopped) return { kind: "interrupted", text: NO_BYTES, memoryBytes };
    if (outcome.kind === "trap") return { kind: "trap", text: encodeUtf8(outcome.message), memoryBytes };
    if (outcome.kind === "error") return errorEnd(outcome.error, memoryBytes);
    if (output === "bytes") return { kind: "output", text: outcome.output, memoryBytes };
    return output === "json" ? answerEnd(outcome.output, memoryBytes) : outputEnd(outcome.output, memoryBytes);
  }
}
