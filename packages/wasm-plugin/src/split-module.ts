import { ByteReader, SECTION } from "@aspen/plugin-api/wasm";
import type { ModuleData } from "./protocol/module-data.js";
import { readSections } from "./validation/sections.js";

const PAGE_BYTES = 65_536;
const I32_CONST = 0x41;
const END = 0x0b;

/** A wasm file in two: what plugins of one SDK may have in common, and what is each plugin's own. */
export interface SplitModule {
  /** A module without data segments, and without the custom sections named in `without`. */
  code: Uint8Array;
  data: ModuleData;
}

/**
 * Takes the data out of a wasm file that was verified. Null when that would change what the file does, because it has a
 * start function, or segments that its code copies itself or that do not lie within its first memory.
 */
export function splitModule(wasm: Uint8Array, without: string): SplitModule | null {
  const sections = readSections(wasm);
  if (sections.some(({ id }) => id === SECTION.start)) return null;
  let memoryBytes = 0;
  let data: ModuleData | null = null;
  const kept: Uint8Array[] = [];
  let copied = 0;
  for (const { id, start, body, end } of sections) {
    const reader = new ByteReader(wasm, body, end);
    if (id === SECTION.memory) memoryBytes = minimumBytes(reader);
    else if (id === SECTION.data) data = readData(reader, memoryBytes);
    if (id === SECTION.data ? data === null : id !== SECTION.dataCount && !isCustom(reader, id, without)) continue;
    kept.push(wasm.subarray(copied, start));
    copied = end;
  }
  return data && { code: Buffer.concat([...kept, wasm.subarray(copied)]), data };
}

function isCustom(reader: ByteReader, id: number, name: string): boolean {
  return id === SECTION.custom && reader.name() === name;
}

function minimumBytes(reader: ByteReader): number {
  if (reader.unsigned() === 0) return 0;
  reader.byte();
  return reader.unsigned() * PAGE_BYTES;
}

/** Null when a segment is not one with a fixed place within the memory. */
function readData(reader: ByteReader, memoryBytes: number): ModuleData | null {
  const count = reader.unsigned();
  const segments = new Uint32Array(2 * count);
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let i = 0; i < count; i++) {
    if (reader.unsigned() !== 0 || reader.byte() !== I32_CONST) return null;
    const offset = unsignedI32(reader);
    if (reader.byte() !== END) return null;
    const part = reader.take(reader.unsigned());
    if (offset + part.length > memoryBytes) return null;
    segments.set([offset, part.length], 2 * i);
    parts.push(part);
    size += part.length;
  }
  const bytes = new SharedArrayBuffer(size);
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return { bytes, segments };
}

/** A signed LEB128 number of 32 bits (WebAssembly Core Specification 2.0, section 5.2.2), as an address. */
function unsignedI32(reader: ByteReader): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = reader.byte();
    value |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (shift < 28 && (byte & 0x40) !== 0) value |= -1 << (shift + 7);
    return value >>> 0;
  }
}
