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

/** `name` as a name of its own: not in a string, and a member of nothing but the global object. */
const named = (name: string) =>
  new RegExp(`(?:\\b(?:globalThis|window|self)\\.|(?<![\\w$.'"\`-]))${name}(?![\\w$'"\`-])`);

const NAMES_URL = named("URL(?:SearchParams)?");

/** What a plugin has when its code names it: the scripts of `src/guest`. */
const ON_DEMAND: readonly { file: string; isNamed: RegExp }[] = [
  { file: "url.js", isNamed: NAMES_URL },
  { file: "structured-clone.js", isNamed: named("structuredClone") },
  { file: "subtle.js", isNamed: /\.\s*subtle\b(?!["'`])|[{,]\s*subtle\s*[,}]/ },
];

/** The engine template of a bundle, with what it needs. @throws AspenError `BUILD_FAILED` when the SDK is not built */
export async function loadTemplate(code: string): Promise<Template> {
  const kind: TemplateKind = NAMES_URL.test(code) ? "url" : "plain";
  const file = TEMPLATE_FILES[kind];
  try {
    const wasm = await readFile(file);
    const needed = ON_DEMAND.filter(({ isNamed }) => isNamed.test(code));
    const scripts = await Promise.all(
      needed.map(async ({ file: script }) => ({
        name: `aspen-${script}`,
        code: await readFile(join(PACKAGE_ROOT, "dist", "guest", script), "utf8"),
      })),
    );
    return { wasm, scripts };
  } catch (error) {
    throw compilerErrors.noTemplate(file, error);
  }
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
