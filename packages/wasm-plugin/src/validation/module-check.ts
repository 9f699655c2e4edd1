import { atMost, ByteReader, SECTION, WasmProblem } from "@aspen/plugin-api/wasm";
import { WASM_BOUNDS } from "./bounds.js";
import {
  checkLimitFlags,
  checkReferenceType,
  checkTypeForm,
  checkValueType,
  FEATURES,
  refuseOpcode,
  unsupported,
} from "./features.js";
import { FunctionBodies } from "./function-body.js";
import { readSections, type Section } from "./sections.js";

const KINDS = ["function", "table", "memory", "global"] as const;

/** The parts of a module that later parts refer to. */
export interface Known {
  parameters: number[];
  results: number[];
  /** By function index, imported ones first: its type. */
  functions: number[];
  imported: number;
  elements: number;
}

/**
 * Reads a whole wasm file and refuses what is over a bound, or belongs to a feature that plugins may not use. A
 * compiler validates the rest. The time is proportional to the file, some 10 ms for each MiB.
 *
 * @throws WasmProblem
 */
export function checkModule(wasm: Uint8Array): void {
  const known = nothingKnown();
  for (const section of readSections(wasm)) {
    checkSection(wasm, section, known);
  }
}

/**
 * The same for one section, with what is known of those before it. Only the sections of types, imports, functions,
 * elements and code take long, or need what is known.
 *
 * @throws WasmProblem
 */
export function checkSection(wasm: Uint8Array, { id, body, end }: Section, known: Known = nothingKnown()): void {
  const reader = new ByteReader(wasm, body, end);
  checkEntries(id, reader, known);
  // The content of a custom section is its owner's.
  if (id !== SECTION.custom && !reader.atEnd) throw new WasmProblem("a section has bytes behind its entries");
}

function nothingKnown(): Known {
  return { parameters: [], results: [], functions: [], imported: 0, elements: 0 };
}

function checkEntries(id: number, reader: ByteReader, known: Known): void {
  if (id === SECTION.custom) {
    skipName(reader);
  } else if (id === SECTION.start || id === SECTION.dataCount) {
    reader.unsigned();
  } else {
    const count = reader.unsigned();
    if (id === SECTION.memory && count > 1) throw unsupported(FEATURES.multiMemory);
    if (id === SECTION.code) checkBodies(reader, count, known);
    else for (let i = 0; i < count; i++) ENTRY[id]!(reader, known);
  }
}

/** Passes over one entry of a section. */
const ENTRY: Readonly<Record<number, (reader: ByteReader, known: Known) => void>> = {
  [SECTION.type](reader, known) {
    checkTypeForm(reader.byte());
    known.parameters.push(checkTypes(reader, WASM_BOUNDS.parameters, "parameters in a type"));
    known.results.push(checkTypes(reader, WASM_BOUNDS.results, "results in a type"));
  },
  [SECTION.import](reader, known) {
    skipName(reader);
    skipName(reader);
    const kind = reader.byte();
    if (kind === 4) throw unsupported(FEATURES.exceptions);
    if (kind !== 0) throw new WasmProblem(`it imports a ${KINDS[kind] ?? "thing"}; only functions are offered`);
    known.functions.push(typeIndex(reader, known));
    known.imported += 1;
  },
  [SECTION.function]: (reader, known) => void known.functions.push(typeIndex(reader, known)),
  [SECTION.table](reader) {
    const type = reader.byte();
    if (type === 0x40) throw unsupported(FEATURES.initialisers);
    checkReferenceType(type);
    checkLimits(reader);
  },
  [SECTION.memory]: checkLimits,
  [SECTION.global](reader) {
    checkValueType(reader.byte());
    if (reader.byte() > 1) throw unsupported(FEATURES.threads);
    checkConstant(reader);
  },
  [SECTION.export](reader) {
    skipName(reader);
    const kind = reader.byte();
    if (kind === 4) throw unsupported(FEATURES.exceptions);
    if (kind > 4) throw new WasmProblem("it exports a thing of a kind that is not known");
    reader.unsigned();
  },
  [SECTION.element]: checkElements,
  [SECTION.data](reader) {
    const flags = reader.unsigned();
    if (flags > 2) throw new WasmProblem("a data segment is of a kind that is not known");
    if (flags === 2 && reader.unsigned() !== 0) throw unsupported(FEATURES.multiMemory);
    if (flags !== 1) checkConstant(reader);
    reader.skip(reader.unsigned());
  },
};

function checkBodies(reader: ByteReader, count: number, known: Known): void {
  if (count !== known.functions.length - known.imported) {
    throw new WasmProblem("it has not as many function bodies as functions");
  }
  const sectionEnd = reader.end;
  const bodies = new FunctionBodies(reader, known);
  for (let i = 0; i < count; i++) {
    const size = reader.unsigned();
    atMost(size, WASM_BOUNDS.functionBytes, "bytes in a function");
    const end = reader.offset + size;
    if (end > sectionEnd) throw new WasmProblem("it is cut short");
    reader.end = end;
    bodies.check(known.functions[known.imported + i]!);
    reader.end = sectionEnd;
  }
}

/** Bits of the flags: 1 passive or declared, 2 with a table (active) or declared, 4 expressions in place of indexes. */
function checkElements(reader: ByteReader, known: Known): void {
  const flags = reader.unsigned();
  if (flags > 7) throw new WasmProblem("an element segment is of a kind that is not known");
  if ((flags & 3) === 2) reader.unsigned();
  if ((flags & 1) === 0) checkConstant(reader);
  if ((flags & 3) !== 0) {
    const kind = reader.byte();
    if (flags >= 4) checkReferenceType(kind);
    else if (kind !== 0) throw new WasmProblem("an element segment is of a kind that is not known");
  }
  const count = reader.unsigned();
  known.elements += count;
  atMost(known.elements, WASM_BOUNDS.elements, "elements");
  for (let i = 0; i < count; i++) {
    if (flags >= 4) checkConstant(reader);
    else reader.unsigned();
  }
}

function checkTypes(reader: ByteReader, limit: number, what: string): number {
  const count = reader.count(limit, what);
  for (let i = 0; i < count; i++) checkValueType(reader.byte());
  return count;
}

function typeIndex(reader: ByteReader, { parameters }: Known): number {
  const index = reader.unsigned();
  if (index >= parameters.length) throw new WasmProblem("a function is of a type that is not there");
  return index;
}

function checkLimits(reader: ByteReader): void {
  const flags = reader.byte();
  checkLimitFlags(flags);
  reader.unsigned();
  if (flags === 1) reader.unsigned();
}

function skipName(reader: ByteReader): void {
  reader.skip(reader.count(WASM_BOUNDS.nameBytes, "bytes in a name"));
}

/** Passes over one instruction that gives a constant, and `end`. @throws WasmProblem */
export function checkConstant(reader: ByteReader): void {
  const opcode = reader.byte();
  if (opcode === 0x41) reader.skipSigned(5);
  else if (opcode === 0x42) reader.skipSigned(10);
  else if (opcode === 0x43) reader.skip(4);
  else if (opcode === 0x44) reader.skip(8);
  else if (opcode === 0xd0) checkReferenceType(reader.byte());
  else if (opcode === 0x23 || opcode === 0xd2) reader.unsigned();
  else refuseOpcode(opcode);
  if (reader.byte() !== 0x0b) throw unsupported(FEATURES.extendedConst);
}
