import { atMost, type ByteReader, WasmProblem } from "@aspen/plugin-api/wasm";
import { WASM_BOUNDS } from "./bounds.js";
import {
  checkReferenceType,
  checkValueType,
  FEATURES,
  refuseMiscOpcode,
  refuseOpcode,
  unsupported,
} from "./features.js";
import { IMMEDIATE, MISC_OPCODES, OPCODE, OPCODES } from "./opcodes.js";

/** How much a value counts that a call passes: compilers move it, and keep more about it than about one that stays. */
const CALL_WEIGHT = 4;

/** The types of a module, as far as operands are counted. */
export interface ModuleTypes {
  /** By type index: how many parameters and results it has. */
  parameters: readonly number[];
  results: readonly number[];
  /** By function index, imported ones first: its type. */
  functions: readonly number[];
}

/**
 * Walks through the bodies of a module's functions. It refuses what would grow in a compiler, and what belongs to a
 * feature that plugins may not use. It counts operands; the compiler checks their types.
 */
export class FunctionBodies {
  /** One entry for each open block: operands below it, what a branch to it carries, and what it leaves. */
  readonly #base = new Float64Array(WASM_BOUNDS.nesting + 2);
  readonly #carried = new Float64Array(WASM_BOUNDS.nesting + 2);
  readonly #parameters = new Float64Array(WASM_BOUNDS.nesting + 2);
  readonly #results = new Float64Array(WASM_BOUNDS.nesting + 2);
  #depth = 0;
  #height = 0;
  #locals = 0;
  #work = 0;

  constructor(
    private readonly reader: ByteReader,
    private readonly types: ModuleTypes,
  ) {}

  /**
   * Passes over one body, which the reader's part holds, from its locals to its last `end`.
   * @throws WasmProblem
   */
  check(type: number): void {
    const { reader } = this;
    const { parameters, results } = this.types;
    this.#locals = parameters[type]!;
    this.#readLocals();
    this.#depth = 0;
    this.#height = 0;
    this.#work = 0;
    this.#open(0, results[type]!, results[type]!);
    while (this.#depth > 0) {
      const opcode = reader.byte();
      const immediate = OPCODES.immediate[opcode];
      if (immediate === IMMEDIATE.special) {
        this.#special(opcode);
      } else {
        if (immediate === IMMEDIATE.refused) refuseOpcode(opcode);
        this.#skipImmediate(immediate!);
        this.#step(OPCODES.pops[opcode]!, OPCODES.pushes[opcode]!, OPCODES.calls[opcode]!);
      }
    }
    if (!reader.atEnd) throw new WasmProblem("a function goes on after its end");
  }

  #readLocals(): void {
    const { reader } = this;
    const groups = reader.count(WASM_BOUNDS.locals, "groups of locals in a function");
    for (let i = 0; i < groups; i++) {
      this.#locals += reader.unsigned();
      atMost(this.#locals, WASM_BOUNDS.locals, "locals in a function");
      checkValueType(reader.byte());
    }
  }

  #special(opcode: number): void {
    const { reader } = this;
    switch (opcode) {
      case OPCODE.unreachable:
        this.#leave();
        return;
      case OPCODE.block:
      case OPCODE.loop:
      case OPCODE.if:
        this.#block(opcode);
        return;
      case OPCODE.else:
        this.#height = this.#base[this.#depth - 1]! + this.#parameters[this.#depth - 1]!;
        this.#carry(0);
        return;
      case OPCODE.end:
        this.#depth -= 1;
        this.#height = this.#base[this.#depth]! + this.#results[this.#depth]!;
        return;
      case OPCODE.br:
        this.#branch(reader.unsigned());
        this.#leave();
        return;
      case OPCODE.brIf:
        this.#pop(1);
        this.#branch(reader.unsigned());
        return;
      case OPCODE.brTable:
        this.#branchTable();
        return;
      case OPCODE.return:
        this.#branch(this.#depth - 1);
        this.#leave();
        return;
      case OPCODE.call:
        this.#call(this.types.functions[reader.unsigned()]);
        return;
      case OPCODE.callIndirect: {
        const type = reader.unsigned();
        reader.unsigned();
        this.#pop(1);
        this.#call(type);
        return;
      }
      case OPCODE.selectTyped:
        if (reader.unsigned() !== 1) throw new WasmProblem("a select has not one type");
        checkValueType(reader.byte());
        this.#step(3, 1, 0);
        return;
      default:
        this.#misc(reader.unsigned());
    }
  }

  #misc(opcode: number): void {
    const immediate = MISC_OPCODES.immediate[opcode];
    if (immediate === undefined || immediate === IMMEDIATE.refused) refuseMiscOpcode(opcode);
    this.#skipImmediate(immediate);
    this.#step(MISC_OPCODES.pops[opcode]!, MISC_OPCODES.pushes[opcode]!, MISC_OPCODES.calls[opcode]!);
  }

  #skipImmediate(immediate: number): void {
    const { reader } = this;
    switch (immediate) {
      case IMMEDIATE.none:
        return;
      case IMMEDIATE.index:
        reader.unsigned();
        return;
      case IMMEDIATE.twoIndexes:
        reader.unsigned();
        reader.unsigned();
        return;
      case IMMEDIATE.memory: {
        // The exponent of the alignment; bit 6 says that the index of a memory follows.
        const alignment = reader.unsigned();
        if (alignment >= 0x40) throw unsupported(FEATURES.multiMemory);
        reader.unsigned();
        return;
      }
      case IMMEDIATE.int:
        reader.skipSigned(5);
        return;
      case IMMEDIATE.long:
        reader.skipSigned(10);
        return;
      case IMMEDIATE.float:
        reader.skip(4);
        return;
      case IMMEDIATE.double:
        reader.skip(8);
        return;
      default:
        checkReferenceType(reader.byte());
    }
  }

  #block(opcode: number): void {
    const { reader } = this;
    if (opcode === OPCODE.if) this.#pop(1);
    let parameters = 0;
    let results = 0;
    const first = reader.byte();
    if (first < 0x40 || first >= 0x80) {
      reader.offset -= 1;
      // A signed number that is not negative: the index of a type.
      const type = reader.unsigned();
      parameters = this.#of(this.types.parameters, type);
      results = this.#of(this.types.results, type);
    } else if (first !== 0x40) {
      checkValueType(first);
      results = 1;
    }
    this.#carry(parameters);
    this.#pop(parameters);
    this.#open(parameters, results, opcode === OPCODE.loop ? parameters : results);
  }

  #open(parameters: number, results: number, carried: number): void {
    if (this.#depth > WASM_BOUNDS.nesting) {
      throw new WasmProblem(`a function nests deeper than ${WASM_BOUNDS.nesting} blocks, which is the most allowed`);
    }
    this.#base[this.#depth] = this.#height;
    this.#carried[this.#depth] = carried;
    this.#parameters[this.#depth] = parameters;
    this.#results[this.#depth] = results;
    this.#depth += 1;
    this.#height += parameters;
  }

  #branch(label: number): void {
    if (label >= this.#depth) throw new WasmProblem("a branch goes to a block that is not there");
    this.#carry(this.#carried[this.#depth - 1 - label]!);
  }

  #branchTable(): void {
    const { reader } = this;
    this.#pop(1);
    const targets = reader.count(WASM_BOUNDS.functionBytes, "targets in a table of branches");
    for (let i = 0; i <= targets; i++) this.#branch(reader.unsigned());
    this.#leave();
  }

  #call(type: number | undefined): void {
    const parameters = this.#of(this.types.parameters, type);
    const results = this.#of(this.types.results, type);
    this.#carry(CALL_WEIGHT * (parameters + results));
    this.#step(parameters, results, 0);
  }

  #of(counts: readonly number[], type: number | undefined): number {
    const count = type === undefined ? undefined : counts[type];
    if (count === undefined) throw new WasmProblem("an instruction names a function or type that is not there");
    return count;
  }

  #step(pops: number, pushes: number, calls: number): void {
    if (calls) this.#carry(0);
    this.#pop(pops);
    this.#height += pushes;
    if (this.#height > WASM_BOUNDS.operands) {
      throw new WasmProblem(`a function has more than ${WASM_BOUNDS.operands} operands at once, the most allowed`);
    }
  }

  /** After a branch that is always taken, there are as many operands as are asked for. */
  #pop(count: number): void {
    this.#height = Math.max(this.#base[this.#depth - 1]!, this.#height - count);
  }

  #leave(): void {
    this.#height = this.#base[this.#depth - 1]!;
  }

  /** Counts what is live at a branch, a block or a call, with `more` values that it carries. */
  #carry(more: number): void {
    this.#work += this.#locals + this.#height + more;
    if (this.#work > WASM_BOUNDS.carriedValues) {
      throw new WasmProblem(
        `the branches, blocks and calls of a function carry more than ${WASM_BOUNDS.carriedValues} locals and operands, the most allowed; split it`,
      );
    }
  }
}
