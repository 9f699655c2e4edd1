import { ByteReader, SECTION, unsignedLeb128, WASM_HEADER } from "@aspen/plugin-api/wasm";

/** The wasm file with its custom sections of that name replaced by one. */
export function withCustomSection(wasm: Uint8Array, name: string, content: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from(WASM_HEADER)];
  const reader = new ByteReader(wasm, WASM_HEADER.length);
  while (!reader.atEnd) {
    const start = reader.offset;
    const id = reader.byte();
    const body = reader.take(reader.unsigned());
    if (id !== SECTION.custom || new ByteReader(body).name() !== name) parts.push(wasm.subarray(start, reader.offset));
  }
  const own = Buffer.concat([unsignedLeb128(name.length), Buffer.from(name), content]);
  return Buffer.concat([...parts, Uint8Array.of(SECTION.custom), unsignedLeb128(own.length), own]);
}
