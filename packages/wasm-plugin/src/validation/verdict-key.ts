import { createHash } from "node:crypto";
import { ByteReader, SECTION } from "@aspen/plugin-api/wasm";
import { WASM_BOUNDS } from "./bounds.js";
import { checkConstant, checkSection } from "./module-check.js";
import { readSections, type Section } from "./sections.js";

/** Sections that compilers make code of, in the order of the file. */
const COMPILED: ReadonlySet<number> = new Set([
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.element,
  SECTION.code,
]);

/**
 * Names what compilers make of a wasm file: two files with the same key are the same to them. The key leaves out the
 * data, names of exports, first values of variables and custom sections, so all plugins of one SDK version share it.
 * What the key leaves out is checked here each time, even when the key is known.
 *
 * @throws WasmProblem
 */
export function verdictKey(wasm: Uint8Array): string {
  const hash = createHash("sha256").update(JSON.stringify(WASM_BOUNDS));
  for (const section of readSections(wasm)) {
    if (COMPILED.has(section.id)) {
      hash.update(wasm.subarray(section.start, section.end));
      continue;
    }
    checkSection(wasm, section);
    if (section.id === SECTION.global) hashGlobals(wasm, section, hash.update(Uint8Array.of(section.id)));
    else if (section.id !== SECTION.custom) hash.update(Uint8Array.of(section.id));
  }
  return `${process.version}-${process.arch}:${hash.digest("hex")}`;
}

/** The types of all globals, and the values of those that never change. */
function hashGlobals(wasm: Uint8Array, { body, end }: Section, hash: ReturnType<typeof createHash>): void {
  const reader = new ByteReader(wasm, body, end);
  const count = reader.unsigned();
  for (let i = 0; i < count; i++) {
    const start = reader.offset;
    reader.byte();
    const constant = reader.byte() === 0;
    const valueStart = reader.offset;
    checkConstant(reader);
    hash.update(wasm.subarray(start, constant ? reader.offset : valueStart));
  }
}
