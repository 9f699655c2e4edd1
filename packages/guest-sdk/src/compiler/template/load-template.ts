import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SECTION, unsignedLeb128 } from "@aspen/plugin-api/wasm";
import { compilerErrors } from "../errors.js";
import { readSections, writeSections } from "../wasm/binary.js";
import { PAGE_BYTES } from "../wasm/memory-image.js";
import { PACKAGE_ROOT, TEMPLATE_FILES, type TemplateKind } from "./template-file.js";

export interface Template {
  wasm: Uint8Array;
  /** What runs in it before a plugin. */
  scripts: readonly { name: string; code: string }[];
}

const URL_SCRIPT = join(PACKAGE_ROOT, "dist", "guest", "url.js");

/** An engine template. @throws AspenError `BUILD_FAILED` when the SDK is not built */
export async function loadTemplate(kind: TemplateKind): Promise<Template> {
  const file = TEMPLATE_FILES[kind];
  try {
    const wasm = await readFile(file);
    const scripts = kind === "url" ? [{ name: "aspen-url.js", code: await readFile(URL_SCRIPT, "utf8") }] : [];
    return { wasm, scripts };
  } catch (error) {
    throw compilerErrors.noTemplate(file, error);
  }
}

/** `URL` as a name of its own: not in a string, and a member of nothing but the global object. */
const NAMES_URL = /(?:\b(?:globalThis|window|self)\.|(?<![\w$.'"`-]))URL(?:SearchParams)?(?![\w$'"`-])/;

/** The template that a bundle needs. */
export function templateFor(code: string): TemplateKind {
  return NAMES_URL.test(code) ? "url" : "plain";
}

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
  return Buffer.concat([Uint8Array.of(1, 1), body.subarray(2), unsignedLeb128(Math.floor(memoryBytes / PAGE_BYTES))]);
}
