/** Reading and writing a wasm file by its sections (WebAssembly Core Specification 2.0, section 5.5). */
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { ByteReader, SECTION, unsignedLeb128, WASM_HEADER } from "@aspen/plugin-api/wasm";

export interface Section {
  id: number;
  body: Uint8Array;
}

export function name(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  return Buffer.concat([unsignedLeb128(bytes.length), bytes]);
}

export function readSections(wasm: Uint8Array): Section[] {
  const reader = new ByteReader(wasm);
  reader.skip(WASM_HEADER.length);
  const sections: Section[] = [];
  while (!reader.atEnd) {
    const id = reader.byte();
    sections.push({ id, body: reader.take(reader.unsigned()) });
  }
  return sections;
}

export function writeSections(sections: readonly Section[]): Uint8Array {
  return Buffer.concat([
    Uint8Array.from(WASM_HEADER),
    ...sections.flatMap(({ id, body }) => [Uint8Array.of(id), unsignedLeb128(body.length), body]),
  ]);
}

export function customSection(sectionName: string, content: Uint8Array): Section {
  return { id: SECTION.custom, body: Buffer.concat([name(sectionName), content]) };
}

export interface WasmExport {
  name: string;
  /** 0 function, 1 table, 2 memory, 3 global. */
  kind: number;
  index: number;
}

export function readExports(sections: readonly Section[]): WasmExport[] {
  const section = sections.find(({ id }) => id === SECTION.export);
  if (!section) return [];
  const reader = new ByteReader(section.body);
  return Array.from({ length: reader.unsigned() }, () => ({
    name: reader.name(),
    kind: reader.byte(),
    index: reader.unsigned(),
  }));
}

export function exportSection(exports: readonly WasmExport[]): Section {
  const entries = exports.map((it) => Buffer.concat([name(it.name), Uint8Array.of(it.kind), unsignedLeb128(it.index)]));
  return { id: SECTION.export, body: Buffer.concat([unsignedLeb128(exports.length), ...entries]) };
}
