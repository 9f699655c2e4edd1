/**
 * Writes the memory maximum into a wasm file before it is compiled, so that the engine itself enforces it.
 * Works on whole sections; format: WebAssembly Core Specification 2.0, section 5.5.
 */

const PAGE_BYTES = 65_536;
const HEADER_BYTES = 8;
const TABLE_SECTION = 4;
const MEMORY_SECTION = 5;
/** Most elements of all tables together: several words of the host each. */
const TABLE_ELEMENTS = 1_000_000;

class WasmFormatError extends Error {}

/**
 * @param memoryBytes most linear memory, rounded down to pages of 64 KiB
 * @throws Error with one sentence when the file is not wasm, has no or several memories, or starts over the maximum
 */
export function limitMemory(wasm: Uint8Array, memoryBytes: number): Uint8Array {
  if (wasm.length < HEADER_BYTES || wasm[0] !== 0 || wasm[1] !== 0x61 || wasm[2] !== 0x73 || wasm[3] !== 0x6d) {
    throw new WasmFormatError("it does not begin with the wasm magic bytes");
  }
  const parts: Uint8Array[] = [wasm.subarray(0, HEADER_BYTES)];
  const cursor = { bytes: wasm, offset: HEADER_BYTES };
  while (cursor.offset < wasm.length) {
    const start = cursor.offset;
    const id = readByte(cursor);
    const size = readUnsigned(cursor);
    const end = cursor.offset + size;
    if (end > wasm.length) throw new WasmFormatError("a section goes past the end of the file");
    if (id === MEMORY_SECTION || id === TABLE_SECTION) {
      const body = Uint8Array.from(
        id === MEMORY_SECTION
          ? limitedMemory(cursor, Math.floor(memoryBytes / PAGE_BYTES))
          : limitedTables(cursor, end),
      );
      parts.push(Uint8Array.from([id, ...unsigned(body.length)]), body);
    } else {
      parts.push(wasm.subarray(start, end));
    }
    cursor.offset = end;
  }
  return concat(parts);
}

interface Cursor {
  bytes: Uint8Array;
  offset: number;
}

function limitedMemory(cursor: Cursor, maximumPages: number): number[] {
  const count = readUnsigned(cursor);
  if (count === 0) return [0];
  if (count > 1) throw new WasmFormatError("it has more than one memory");
  const flags = readByte(cursor);
  if (flags > 1) throw new WasmFormatError("its memory is shared or 64-bit");
  const minimum = readUnsigned(cursor);
  const declared = flags === 1 ? readUnsigned(cursor) : maximumPages;
  if (minimum > maximumPages) {
    throw new WasmFormatError(
      `it starts with ${minimum * PAGE_BYTES} bytes of memory, over its memory_limit of ${maximumPages * PAGE_BYTES}`,
    );
  }
  return [1, 1, ...unsigned(minimum), ...unsigned(Math.min(declared, maximumPages))];
}

function limitedTables(cursor: Cursor, end: number): number[] {
  const count = readUnsigned(cursor);
  const out = unsigned(count);
  let left = TABLE_ELEMENTS;
  for (let i = 0; i < count; i++) {
    const type = readByte(cursor);
    // A table with an initialiser (0x40) or a 64-bit one is of a proposal that no supported compiler emits.
    if (type !== 0x70 && type !== 0x6f) throw new WasmFormatError("a table is of a type that is not supported");
    const flags = readByte(cursor);
    if (flags > 1) throw new WasmFormatError("a table is shared or 64-bit");
    const minimum = readUnsigned(cursor);
    // One that does not say how far it grows gets an even part of what is left.
    const declared = flags === 1 ? readUnsigned(cursor) : Math.floor(left / (count - i));
    if (minimum > left) throw new WasmFormatError(`its tables start with more than ${TABLE_ELEMENTS} elements`);
    const maximum = Math.max(minimum, Math.min(declared, left));
    left -= maximum;
    out.push(type, 1, ...unsigned(minimum), ...unsigned(maximum));
  }
  if (cursor.offset > end) throw new WasmFormatError("its table section is cut short");
  return out;
}

function readByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.offset++];
  if (byte === undefined) throw new WasmFormatError("it is cut short");
  return byte;
}

/** An unsigned LEB128 number of at most 32 bits. */
function readUnsigned(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = readByte(cursor);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw new WasmFormatError("a number in it is too long");
}

function unsigned(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return out;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}
