/** Reading and writing a wasm file by its sections (WebAssembly Core Specification 2.0, section 5.5). */
import { decodeUtf8 } from "@aspen/plugin-api";

const HEADER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

export const SECTION = { custom: 0, memory: 5, global: 6, export: 7, start: 8, data: 11, dataCount: 12 } as const;

export interface Section {
  id: number;
  body: Uint8Array;
}

/** A position in bytes that moves on as it is read from. */
export class Reader {
  offset = 0;

  constructor(readonly bytes: Uint8Array) {}

  get atEnd(): boolean {
    return this.offset >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.offset++];
    if (byte === undefined) throw new RangeError("the wasm file is cut short");
    return byte;
  }

  /** An unsigned LEB128 number. Signed ones are skipped by it just as well. */
  unsigned(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  }

  take(length: number): Uint8Array {
    const part = this.bytes.subarray(this.offset, this.offset + length);
    this.offset += length;
    return part;
  }

  name(): string {
    return decodeUtf8(this.take(this.unsigned()));
  }
}

export function unsigned(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return Uint8Array.from(out);
}

/** An i32 as signed LEB128. */
export function signed(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
      out.push(low);
      return Uint8Array.from(out);
    }
    out.push(low | 0x80);
  }
}

export function name(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return Buffer.concat([unsigned(bytes.length), bytes]);
}

export function readSections(wasm: Uint8Array): Section[] {
  const reader = new Reader(wasm);
  reader.take(HEADER.length);
  const sections: Section[] = [];
  while (!reader.atEnd) {
    const id = reader.byte();
    sections.push({ id, body: reader.take(reader.unsigned()) });
  }
  return sections;
}

export function writeSections(sections: readonly Section[]): Uint8Array {
  return Buffer.concat([
    HEADER,
    ...sections.flatMap(({ id, body }) => [Uint8Array.of(id), unsigned(body.length), body]),
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
  const reader = new Reader(section.body);
  return Array.from({ length: reader.unsigned() }, () => ({
    name: reader.name(),
    kind: reader.byte(),
    index: reader.unsigned(),
  }));
}

export function exportSection(exports: readonly WasmExport[]): Section {
  const entries = exports.map((it) => Buffer.concat([name(it.name), Uint8Array.of(it.kind), unsigned(it.index)]));
  return { id: SECTION.export, body: Buffer.concat([unsigned(exports.length), ...entries]) };
}
