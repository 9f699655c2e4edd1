import createPlugin, { type CallContext, type Plugin } from "@extism/extism";
import { writeData } from "../protocol/module-data.js";
import { GuestState, hostImports } from "./host-imports.js";
import type { EngineHost, EngineInstance, EngineModule, GuestOutcome, WasmEngine } from "./wasm-engine.js";

const NO_BYTES = new Uint8Array(0);

/** The parts of Extism's foreground plugin that are used; its published types do not compile with TypeScript 5.7+. */
interface ForegroundPlugin {
  getInstance(): Promise<WebAssembly.Instance>;
}

/** Runs plugins on `@extism/extism` in the foreground of the calling thread. */
export class ExtismEngine implements WasmEngine {
  async instantiate({ module, data }: EngineModule, host: EngineHost): Promise<EngineInstance> {
    const guest = new GuestState(host);
    const functions = hostImports(guest) as Record<
      string,
      Record<string, (context: CallContext, ...args: never[]) => unknown>
    >;
    const plugin = (await createPlugin(module, {
      functions: functions as never,
      useWasi: false,
    })) as Plugin as unknown as ForegroundPlugin;
    const instance = await plugin.getInstance();
    guest.memory = instance.exports.memory instanceof WebAssembly.Memory ? instance.exports.memory : null;
    if (data && guest.memory) writeData(guest.memory, data);
    return new ExtismInstance(instance, guest);
  }
}

/** What an export returned that should be 0: a number, a 64-bit one, or nothing. */
function describe(status: unknown): string {
  return typeof status === "number" || typeof status === "bigint" ? String(status) : "no status";
}

class ExtismInstance implements EngineInstance {
  constructor(
    private readonly instance: WebAssembly.Instance,
    private readonly guest: GuestState,
  ) {}

  has(name: string): boolean {
    return typeof this.instance.exports[name] === "function";
  }

  memoryBytes(): number {
    return this.guest.memory?.buffer.byteLength ?? 0;
  }

  async call(name: string, input: Uint8Array): Promise<GuestOutcome> {
    this.guest.begin(input);
    try {
      // Extism's own `call` does not say what the export returned, and keeps blocks that our guests never use.
      const exported = this.instance.exports[name];
      if (typeof exported !== "function") return { kind: "trap", message: `it has no export ${name}` };
      const status: unknown = exported();
      const { error, output } = this.guest;
      if (error) return { kind: "error", error };
      if (status === 0) return { kind: "output", output: output ?? NO_BYTES };
      return { kind: "trap", message: `${name} returned ${describe(status)} and set no error` };
    } catch (error) {
      return { kind: "trap", message: error instanceof Error ? error.message : String(error) };
    } finally {
      this.guest.begin(NO_BYTES);
    }
  }
}
