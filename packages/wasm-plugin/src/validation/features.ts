import { WasmProblem } from "@aspen/plugin-api/wasm";

/** A proposal's feature that plugins may not use. */
export function unsupported(feature: string): WasmProblem {
  return new WasmProblem(`it uses ${feature}, which plugins may not use; compile it without`);
}

const FEATURES = {
  tail: "tail calls",
  exceptions: "exceptions",
  gc: "garbage-collected types (GC)",
  references: "typed function references",
  switching: "stack switching",
  simd: "SIMD",
  threads: "threads and atomics",
  memory64: "64-bit memory (memory64)",
  pageSizes: "custom page sizes",
  multiMemory: "multiple memories",
  extendedConst: "extended constant expressions",
  wide: "wide arithmetic",
  strings: "string references",
  initialisers: "table initialisers",
} as const;

/** Feature that a one-byte opcode belongs to; null when it is of none that is known. */
export function featureOfOpcode(opcode: number): string | null {
  if (opcode === 0x12 || opcode === 0x13) return FEATURES.tail;
  if (opcode === 0x15) return FEATURES.tail;
  if (opcode >= 0x06 && opcode <= 0x0a) return FEATURES.exceptions;
  if (opcode === 0x18 || opcode === 0x19 || opcode === 0x1f) return FEATURES.exceptions;
  if (opcode === 0x14 || (opcode >= 0xd4 && opcode <= 0xd6)) return FEATURES.references;
  if (opcode === 0xd3 || opcode === 0xfb) return FEATURES.gc;
  if (opcode >= 0xe0 && opcode <= 0xe6) return FEATURES.switching;
  if (opcode === 0xfd) return FEATURES.simd;
  if (opcode === 0xfe) return FEATURES.threads;
  return null;
}

/** @throws WasmProblem naming the feature that the opcode belongs to */
export function refuseOpcode(opcode: number): never {
  const feature = featureOfOpcode(opcode);
  if (feature) throw unsupported(feature);
  throw new WasmProblem(`it has an instruction that is not known: 0x${opcode.toString(16)}`);
}

/** @throws WasmProblem; `opcode` is the one behind the prefix 0xfc */
export function refuseMiscOpcode(opcode: number): never {
  if (opcode >= 19 && opcode <= 22) throw unsupported(FEATURES.wide);
  throw new WasmProblem(`it has an instruction that is not known: 0xfc ${opcode}`);
}

/** @throws WasmProblem unless it is i32, i64, f32, f64, funcref or externref */
export function checkValueType(type: number): void {
  if (type >= 0x7c && type <= 0x7f) return;
  checkReferenceType(type, true);
}

/** @throws WasmProblem unless it is funcref or externref */
export function checkReferenceType(type: number, anyValue = false): void {
  if (type === 0x70 || type === 0x6f) return;
  if (type === 0x7b) throw unsupported(FEATURES.simd);
  if (type === 0x69 || type === 0x74) throw unsupported(FEATURES.exceptions);
  if (type === 0x68 || type === 0x75) throw unsupported(FEATURES.switching);
  if (type === 0x67) throw unsupported(FEATURES.strings);
  if (type === 0x63 || type === 0x64 || (type >= 0x65 && type <= 0x73)) throw unsupported(FEATURES.gc);
  throw new WasmProblem(`a ${anyValue ? "value" : "reference"} type is not known: 0x${type.toString(16)}`);
}

/** @throws WasmProblem unless it is the form of a function type */
export function checkTypeForm(form: number): void {
  if (form === 0x60) return;
  if (form === 0x5d) throw unsupported(FEATURES.switching);
  if (form >= 0x4e && form <= 0x5f) throw unsupported(FEATURES.gc);
  throw new WasmProblem(`a type's form is not known: 0x${form.toString(16)}`);
}

/** Limits of a memory or table are 32-bit and not shared. @throws WasmProblem */
export function checkLimitFlags(flags: number): void {
  if (flags <= 1) return;
  if (flags <= 3) throw unsupported(`${FEATURES.threads} (a shared memory or table)`);
  if (flags <= 7) throw unsupported(FEATURES.memory64);
  if (flags <= 15) throw unsupported(FEATURES.pageSizes);
  throw new WasmProblem(`the limits of a memory or table are of a kind that is not known: 0x${flags.toString(16)}`);
}

/** @throws WasmProblem for a section that is not of WebAssembly 2.0 */
export function refuseSection(id: number): never {
  if (id === 13) throw unsupported(FEATURES.exceptions);
  if (id === 14) throw unsupported(FEATURES.strings);
  throw new WasmProblem(`it has a section that is not known: ${id}`);
}

export { FEATURES };
