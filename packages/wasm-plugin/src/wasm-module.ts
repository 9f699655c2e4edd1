import { setImmediate } from "node:timers/promises";
import { jsonNestsDeeper, LIMITS } from "@aspen/plugin-api";
import { errorOfGuest, type GuestFailure } from "@aspen/plugin-host";
import type { CallableModule, ModuleCallOptions, WasmModuleOptions } from "./callable-module.js";
import { moduleErrors } from "./errors.js";
import type { InstancePool } from "./pool/instance-pool.js";
import { type CallOutcome, ERROR_CHARACTERS } from "./protocol/messages.js";
import type { GuestLogs } from "./stacks/guest-logs.js";

/** A module that is no plugin. Each call has a fresh instance, and can reach nothing but its input and its log. */
export class WasmModule implements CallableModule {
  constructor(
    private readonly options: Pick<WasmModuleOptions, "name" | "memoryBytes">,
    private readonly pool: InstancePool,
    private readonly logs: GuestLogs,
  ) {}

  async call(input: Uint8Array, { id, signal, onLog }: ModuleCallOptions): Promise<Buffer> {
    if (input.length > LIMITS.messageBytes) throw moduleErrors.inputTooLarge(input.length);
    const head = Buffer.from(`{"requestId":${JSON.stringify(id)}}`);
    const bytes = Buffer.concat([head, input]);
    using _tap = this.logs.tap(id, onLog);
    try {
      const call = { signal, outlastsGuest: true };
      const outcome = await this.pool.call("handle_request", { bytes, paramsAt: head.length }, call);
      return this.#output(outcome);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      // Its records were sent before its result, which came another way.
      await setImmediate();
    }
  }

  #output(outcome: CallOutcome): Buffer {
    const { name, memoryBytes } = this.options;
    const isFull = "memoryBytes" in outcome && outcome.memoryBytes >= memoryBytes;
    switch (outcome.kind) {
      case "output":
        if (outcome.output.length > LIMITS.messageBytes) throw moduleErrors.invalidOutput(name, "it is too large");
        return outcome.output;
      case "error":
        if (isFull) throw moduleErrors.outOfMemory(name, memoryBytes);
        throw ownError(name, outcome.error);
      case "trap":
        throw isFull ? moduleErrors.outOfMemory(name, memoryBytes) : moduleErrors.trap(name, outcome.message);
      case "invalid":
      case "refused":
        throw moduleErrors.invalidOutput(name, outcome.problem);
      case "interrupted":
        throw moduleErrors.trap(name, "it was stopped");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
  }
}

/** What a guest set as its error: `{ code, message }` as JSON, or any text. */
function ownError(name: string, text: string): Error {
  if (text.length > ERROR_CHARACTERS || jsonNestsDeeper(text, LIMITS.jsonDepth)) {
    return moduleErrors.trap(name, "an error that is too large, or nests too deep, to be read");
  }
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === "object" && json !== null && "code" in json) return errorOfGuest(name, json as GuestFailure);
  } catch {
    // It is a text.
  }
  return moduleErrors.trap(name, text);
}
