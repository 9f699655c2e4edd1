import { atMost, ByteReader, SECTION, WASM_HEADER, WasmProblem } from "@aspen/plugin-api/wasm";
import { WASM_BOUNDS } from "./bounds.js";
import { refuseSection } from "./features.js";

/** The order that a file must keep, and the most entries of each section. */
const ORDER: readonly (readonly [id: number, limit: number | null, what: string])[] = [
  [SECTION.type, WASM_BOUNDS.types, "types"],
  [SECTION.import, WASM_BOUNDS.imports, "imports"],
  [SECTION.function, WASM_BOUNDS.functions, "functions"],
  [SECTION.table, WASM_BOUNDS.tables, "tables"],
  // More than one memory is named as the feature that it is.
  [SECTION.memory, null, "memories"],
  [SECTION.global, WASM_BOUNDS.globals, "globals"],
  [SECTION.export, WASM_BOUNDS.exports, "exports"],
  [SECTION.start, null, "start functions"],
  [SECTION.element, WASM_BOUNDS.elementSegments, "element segments"],
  [SECTION.dataCount, WASM_BOUNDS.dataSegments, "data segments"],
  [SECTION.code, WASM_BOUNDS.functions, "functions"],
  [SECTION.data, WASM_BOUNDS.dataSegments, "data segments"],
];

/** Where a section lies in its file. */
export interface Section {
  id: number;
  /** Of its id byte. */
  start: number;
  /** Of its content. */
  body: number;
  end: number;
}

/**
 * The sections of a wasm file, in their order. It reads only the head of each and stops at the first one too many, so
 * it is fast whatever the file holds.
 *
 * @throws WasmProblem
 */
export function readSections(wasm: Uint8Array): Section[] {
  if (WASM_HEADER.slice(0, 4).some((byte, at) => wasm[at] !== byte)) {
    throw new WasmProblem("it does not begin with the wasm magic bytes");
  }
  if (WASM_HEADER.some((byte, at) => wasm[at] !== byte)) throw new WasmProblem("it is not of version 1 of wasm");
  const reader = new ByteReader(wasm, WASM_HEADER.length, wasm.length);
  const sections: Section[] = [];
  let rank = -1;
  let customs = 0;
  while (!reader.atEnd) {
    const start = reader.offset;
    const id = reader.byte();
    const size = reader.unsigned();
    const body = reader.offset;
    const end = body + size;
    if (end > wasm.length) throw new WasmProblem("a section goes past the end of the file");
    if (id === SECTION.custom) {
      customs += 1;
      if (customs > WASM_BOUNDS.customSections) {
        throw new WasmProblem(`it has more than ${WASM_BOUNDS.customSections} custom sections, the most allowed`);
      }
    } else {
      rank = nextRank(id, rank);
      const [, limit, what] = ORDER[rank]!;
      if (limit !== null) atMost(new ByteReader(wasm, body, end).unsigned(), limit, what);
    }
    sections.push({ id, start, body, end });
    reader.offset = end;
  }
  return sections;
}

function nextRank(id: number, before: number): number {
  const rank = ORDER.findIndex(([known]) => known === id);
  if (rank < 0) refuseSection(id);
  if (rank <= before) throw new WasmProblem("its sections are out of order, or one is there twice");
  return rank;
}
