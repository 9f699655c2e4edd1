import { ByteReader, SECTION, unsignedLeb128, WasmProblem } from "@aspen/plugin-api/wasm";
import { WASM_BOUNDS } from "./validation/bounds.js";
import { checkLimitFlags } from "./validation/features.js";
import { readSections } from "./validation/sections.js";

/**
 * Writes the memory maximum into a wasm file before it is compiled, so that the engine itself enforces it.
 * Works on whole sections; format: WebAssembly Core Specification 2.0, section 5.5.
 */

const PAGE_BYTES = 65_536;

/**
 * @param memoryBytes most linear memory, rounded down to pages of 64 KiB
 * @throws Error with one sentence when the file is not wasm, has no or several memories, or starts over the maximum
 */
export function limitMemory(wasm: Uint8Array, memoryBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let copied = 0;
  for (const { id, start, body, end } of readSections(wasm)) {
    if (id !== SECTION.memory && id !== SECTION.table) continue;
    const reader = new ByteReader(wasm, body, end);
    const limited = Uint8Array.from(
      id === SECTION.memory ? limitedMemory(reader, Math.floor(memoryBytes / PAGE_BYTES)) : limitedTables(reader),
    );
    parts.push(wasm.subarray(copied, start), Uint8Array.from([id, ...unsignedLeb128(limited.length)]), limited);
    copied = end;
  }
  return Buffer.concat([...parts, wasm.subarray(copied)]);
}

function limitedMemory(reader: ByteReader, maximumPages: number): number[] {
  const count = reader.unsigned();
  if (count === 0) return [0];
  if (count > 1) throw new WasmProblem("it has more than one memory");
  const { minimum, maximum = maximumPages } = limits(reader);
  if (minimum > maximumPages) {
    throw new WasmProblem(
      `it starts with ${minimum * PAGE_BYTES} bytes of memory, over its memory_limit of ${maximumPages * PAGE_BYTES}`,
    );
  }
  return [1, 1, ...unsignedLeb128(minimum), ...unsignedLeb128(Math.min(maximum, maximumPages))];
}

function limitedTables(reader: ByteReader): number[] {
  const count = reader.count(WASM_BOUNDS.tables, "tables");
  const out = [...unsignedLeb128(count)];
  let left: number = WASM_BOUNDS.tableElements;
  for (let i = 0; i < count; i++) {
    const type = reader.byte();
    // One that does not say how far it grows gets an even part of what is left.
    const { minimum, maximum: declared = Math.floor(left / (count - i)) } = limits(reader);
    if (minimum > left) {
      throw new WasmProblem(`its tables start with more than ${WASM_BOUNDS.tableElements} elements`);
    }
    const maximum = Math.max(minimum, Math.min(declared, left));
    left -= maximum;
    out.push(type, 1, ...unsignedLeb128(minimum), ...unsignedLeb128(maximum));
  }
  return out;
}

function limits(reader: ByteReader): { minimum: number; maximum?: number } {
  const flags = reader.byte();
  checkLimitFlags(flags);
  const minimum = reader.unsigned();
  return flags === 1 ? { minimum, maximum: reader.unsigned() } : { minimum };
}
