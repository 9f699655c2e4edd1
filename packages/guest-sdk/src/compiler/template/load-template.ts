import { readFile } from "node:fs/promises";
import { compilerErrors } from "../errors.js";
import { readSections, SECTION, unsigned, writeSections } from "../wasm/binary.js";
import { TEMPLATE_FILE } from "./template-file.js";

/** The engine template. @throws AspenError `BUILD_FAILED` when the SDK is not built */
export async function loadTemplate(): Promise<Uint8Array> {
  try {
    return await readFile(TEMPLATE_FILE);
  } catch (error) {
    throw compilerErrors.noTemplate(TEMPLATE_FILE, error);
  }
}

const PAGE_BYTES = 65_536;

/** The template as a module whose memory never grows beyond `memoryBytes`. */
export function boundedEngine(template: Uint8Array, memoryBytes: number): Promise<WebAssembly.Module> {
  const sections = readSections(template).map((section) =>
    section.id === SECTION.memory ? { id: section.id, body: boundedMemory(section.body, memoryBytes) } : section,
  );
  return WebAssembly.compile(writeSections(sections) as BufferSource);
}

/** One memory without a maximum becomes one with it. */
function boundedMemory(body: Uint8Array, memoryBytes: number): Uint8Array {
  if (body[0] !== 1 || body[1] !== 0) throw compilerErrors.engine("it has not one memory without a maximum");
  return Buffer.concat([Uint8Array.of(1, 1), body.subarray(2), unsigned(Math.floor(memoryBytes / PAGE_BYTES))]);
}
