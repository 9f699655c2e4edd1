import {
  decodeUtf8,
  errorResult,
  HOST_FUNCTIONS,
  type HostFunctionName,
  type HostFunctionSpec,
  RESULT_OK,
} from "@aspen/plugin-api/abi";
import { compilerErrors } from "./errors.js";
import { BUILD_LIMIT_MS } from "./limits.js";

/** Bytes of stack for the guest's JavaScript; deeper recursion becomes a RangeError in it. */
const STACK_BYTES = 200_000;

/** `JS_STRIP_SOURCE` of QuickJS: bytecode without source text, with line numbers. */
const STRIP_SOURCE = 16;

/** The functions that the template exports for a build; all numbers are addresses or lengths. */
interface EngineExports {
  memory: WebAssembly.Memory;
  _initialize?(): void;
  wasm_malloc(bytes: number): number;
  wasm_free(pointer: number): void;
  qjs_init(): void;
  qjs_eval(source: number, length: number, file: number, flags: number): number;
  qjs_compile(source: number, length: number, file: number, flags: number, strip: number, outLength: number): number;
  qjs_eval_bytecode(bytecode: number, length: number): number;
  qjs_get_global(): number;
  qjs_get_context_ptr(): number;
  qjs_get_undefined(): number;
  qjs_new_object(): number;
  qjs_new_host_function(name: number, length: number, arity: number): number;
  qjs_set_prop_string(object: number, name: number, value: number): void;
  qjs_get_prop_string(object: number, name: number): number;
  qjs_free_value(value: number): void;
  qjs_is_exception(value: number): number;
  qjs_get_exception(): number;
  qjs_get_string_len(value: number, outLength: number): number;
  qjs_free_cstring(text: number): void;
  qjs_is_job_pending(): number;
  qjs_execute_pending_job(): number;
  qjs_run_gc(): void;
  qjs_set_interrupt_handler(on: number): void;
  qjs_set_max_stack_size(bytes: number): void;
  qjs_set_promise_rejection_handler(on: number): void;
}

/** Handle of the one block that a build has: the last host call's answer. */
const ANSWER_BLOCK = 1n;

/** There is no host at build time: the ABI table says what each call does then. */
function buildTimeAnswer({ name, atBuild }: HostFunctionSpec): Uint8Array {
  if (atBuild === "accepted") return Uint8Array.of(RESULT_OK);
  return errorResult(compilerErrors.hostCallAtBuild(name));
}

/** The guest's JavaScript threw, or was stopped. */
export class GuestException extends Error {
  constructor(
    message: string,
    readonly guestStack: string,
    /** It ran into the time limit. */
    readonly stopped: boolean,
    /** Nothing of it has run yet. */
    readonly whileParsing: boolean,
    /** What the engine's memory had grown to. */
    readonly memoryBytes: number,
  ) {
    super(message);
  }
}

/** One QuickJS of the template, in the hands of the build. */
export class BuildVm {
  readonly engine: EngineExports;
  /** The first host function that the top level must not call and did; nobody may have looked at its promise. */
  refused: HostFunctionName | null = null;
  /** The top level was stopped at its limit. */
  stopped = false;
  readonly exports: Record<string, unknown>;

  private constructor(instance: WebAssembly.Instance) {
    this.exports = instance.exports;
    this.engine = instance.exports as unknown as EngineExports;
  }

  static async create(module: WebAssembly.Module): Promise<BuildVm> {
    const deadline = performance.now() + BUILD_LIMIT_MS;
    const imports: Record<string, Record<string, (...args: never[]) => unknown>> = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      imports[from] ??= {};
      imports[from][name] = () => undefined;
    }
    let answer: Uint8Array = Uint8Array.of(RESULT_OK);
    for (const spec of HOST_FUNCTIONS) {
      imports["extism:host/user"]![spec.name] = () => {
        answer = buildTimeAnswer(spec);
        if (spec.atBuild === "fails") vm.refused ??= spec.name;
        return ANSWER_BLOCK;
      };
    }
    Object.assign(imports["extism:host/user"]!, {
      mem_store: () => ANSWER_BLOCK,
      mem_read: (_handle: bigint, to: number, length: number) => vm.bytes.set(answer.subarray(0, length), to >>> 0),
      // A fixed clock and seed: the same source gives the same bytes.
      now_ns: () => 0n,
      random_seed: () => 0n,
      interrupted: () => {
        vm.stopped ||= performance.now() > deadline;
        return vm.stopped ? 1 : 0;
      },
    });
    Object.assign(imports["extism:host/env"]!, {
      input_length: () => 0n,
      length: () => BigInt(answer.length),
    });
    const vm = new BuildVm(await WebAssembly.instantiate(module, imports as WebAssembly.Imports));
    // In a template with an extension, the engine has started already.
    if (vm.engine._initialize) {
      vm.engine._initialize();
      vm.engine.qjs_init();
    }
    vm.engine.qjs_set_interrupt_handler(1);
    vm.engine.qjs_set_max_stack_size(STACK_BYTES);
    return vm;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.engine.memory.buffer);
  }

  /** Reads an exported global. */
  global(name: string): WebAssembly.Global<"i32"> {
    const found = this.exports[name];
    if (!(found instanceof WebAssembly.Global)) throw compilerErrors.engine(`it has no global ${name}`);
    return found as WebAssembly.Global<"i32">;
  }

  property(object: number, name: string): number {
    return this.#withText(name, (pointer) => this.engine.qjs_get_prop_string(object, pointer));
  }

  /** Gives `value` to the object; the caller's hold on it ends. */
  setProperty(object: number, name: string, value: number): void {
    this.#withText(name, (pointer) => this.engine.qjs_set_prop_string(object, pointer, value));
    this.engine.qjs_free_value(value);
  }

  hostFunction(name: string): number {
    return this.#withText(name, (pointer, length) => this.engine.qjs_new_host_function(pointer, length, 0));
  }

  /** Runs a script; returns its value. @throws GuestException */
  evaluate(source: string, file: string): number {
    const value = this.#withText(source, (pointer, length) =>
      this.#withText(file, (name) => this.engine.qjs_eval(pointer, length, name, 0)),
    );
    return this.#checked(value);
  }

  /** Compiles a script without running it. @throws GuestException for a syntax error */
  compile(source: string, file: string): Uint8Array {
    const { engine } = this;
    const out = engine.wasm_malloc(4);
    const pointer = this.#withText(source, (text, length) =>
      this.#withText(file, (name) => engine.qjs_compile(text, length, name, 0, STRIP_SOURCE, out)),
    );
    if (pointer === 0) throw this.#exception(true);
    const length = new DataView(engine.memory.buffer).getUint32(out, true);
    const bytecode = this.bytes.slice(pointer, pointer + length);
    engine.wasm_free(out);
    return bytecode;
  }

  /** Runs compiled code. Only what it made stays in memory. @throws GuestException */
  run(bytecode: Uint8Array): void {
    const { engine } = this;
    const pointer = engine.wasm_malloc(bytecode.length);
    this.bytes.set(bytecode, pointer);
    const value = engine.qjs_eval_bytecode(pointer, bytecode.length);
    // Freed memory would go into the snapshot with what it held.
    this.bytes.fill(0, pointer, pointer + bytecode.length);
    engine.wasm_free(pointer);
    engine.qjs_free_value(this.#checked(value));
    while (engine.qjs_is_job_pending()) {
      if (engine.qjs_execute_pending_job() < 0) throw this.#exception();
    }
  }

  text(value: number): string {
    const { engine } = this;
    const out = engine.wasm_malloc(8);
    const pointer = engine.qjs_get_string_len(value, out);
    const length = new DataView(engine.memory.buffer).getUint32(out, true);
    const text = decodeUtf8(this.bytes.slice(pointer, pointer + length));
    engine.qjs_free_cstring(pointer);
    engine.wasm_free(out);
    return text;
  }

  #checked(value: number): number {
    if (this.engine.qjs_is_exception(value)) throw this.#exception();
    return value;
  }

  #exception(whileParsing = false): GuestException {
    const exception = this.engine.qjs_get_exception();
    const stack = this.text(this.property(exception, "stack"));
    return new GuestException(this.text(exception), stack, this.stopped, whileParsing, this.bytes.length);
  }

  #withText<T>(text: string, use: (pointer: number, length: number) => T): T {
    const bytes = new TextEncoder().encode(text);
    const pointer = this.engine.wasm_malloc(bytes.length + 1);
    this.bytes.set(bytes, pointer);
    this.bytes[pointer + bytes.length] = 0;
    try {
      return use(pointer, bytes.length);
    } finally {
      // Freed memory would go into the snapshot with what it held.
      this.bytes.fill(0, pointer, pointer + bytes.length);
      this.engine.wasm_free(pointer);
    }
  }
}
