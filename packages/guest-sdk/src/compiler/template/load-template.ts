import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SECTION, unsignedLeb128 } from "@aspen/plugin-api/wasm";
import { stop, transform } from "esbuild";
import { compilerErrors } from "../errors.js";
import { readSections, writeSections } from "../wasm/binary.js";
import { PAGE_BYTES } from "../wasm/memory-image.js";
import { PACKAGE_ROOT, TEMPLATE_FILES, type TemplateKind } from "./template-file.js";

export interface Template {
  wasm: Uint8Array;
  /** What runs in it before a plugin. */
  scripts: readonly { name: string; code: string }[];
}

/** What a plugin has when its code names it, by the scripts of `src/guest` that give it. */
const ON_DEMAND: Readonly<Record<string, readonly string[]>> = {
  "url.js": ["URL", "URLSearchParams"],
  "structured-clone.js": ["structuredClone"],
  "subtle.js": ["crypto.subtle"],
};

/** What the global object is called. */
const GLOBALS = ["globalThis", "window", "self"];

/** `const { subtle } = crypto`, which is no member that is named. */
const TAKES_SUBTLE = /\bsubtle\b[^{}]*\}\s*=\s*(?:globalThis\s*\.\s*)?crypto\b/;

/**
 * The scripts that a bundle needs. Which names are global ones the parser tells: a word in a text, a member of something
 * else and a variable of the plugin's own are none.
 */
async function scriptsFor(code: string): Promise<string[]> {
  const marks = Object.keys(ON_DEMAND).map((file, at) => [file, `__aspen_named_${at}`] as const);
  const define = Object.fromEntries(
    marks.flatMap(([file, mark]) =>
      ON_DEMAND[file]!.flatMap((name) => [name, ...GLOBALS.map((global) => `${global}.${name}`)]).map((name) => [
        name,
        mark,
      ]),
    ),
  );
  const marked = await replaced(code, define);
  return marks
    .filter(([file, mark]) => marked.includes(mark) || (file === "subtle.js" && TAKES_SUBTLE.test(code)))
    .map(([file]) => file);
}

/** The code with other names in place of global ones. */
async function replaced(code: string, define: Record<string, string>): Promise<string> {
  try {
    return (await transform(code, { define, loader: "js", logLevel: "silent" })).code;
  } finally {
    await stop();
  }
}

/** The engine template of a bundle, with what it needs. @throws AspenError `BUILD_FAILED` when the SDK is not built */
export async function loadTemplate(code: string): Promise<Template> {
  const needed = await scriptsFor(code);
  const kind: TemplateKind = needed.includes("url.js") ? "url" : "plain";
  const file = TEMPLATE_FILES[kind];
  try {
    const wasm = await readFile(file);
    const scripts = await Promise.all(
      needed.map(async (script) => ({
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
