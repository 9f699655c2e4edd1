import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { compilerErrors } from "../errors.js";
import { PACKAGE_ROOT, TEMPLATE_FILES, type TemplateKind } from "./template-file.js";

export interface Template {
  wasm: Uint8Array;
  module: WebAssembly.Module;
  /** What runs in it before a plugin. */
  scripts: readonly { name: string; code: string }[];
}

const URL_SCRIPT = join(PACKAGE_ROOT, "dist", "guest", "url.js");

const loading = new Map<TemplateKind, Promise<Template>>();

/** An engine template, compiled once in a process. @throws AspenError `BUILD_FAILED` when the SDK is not built */
export function loadTemplate(kind: TemplateKind): Promise<Template> {
  const known = loading.get(kind);
  if (known) return known;
  const started = load(kind).catch((error) => {
    loading.delete(kind);
    throw error;
  });
  loading.set(kind, started);
  return started;
}

async function load(kind: TemplateKind): Promise<Template> {
  const file = TEMPLATE_FILES[kind];
  try {
    const wasm = await readFile(file);
    const scripts = kind === "url" ? [{ name: "aspen-url.js", code: await readFile(URL_SCRIPT, "utf8") }] : [];
    return { wasm, module: await WebAssembly.compile(wasm as BufferSource), scripts };
  } catch (error) {
    throw compilerErrors.noTemplate(file, error);
  }
}

/** As a name of its own: not a string, not a member of anything but the global object. */
const NAMES_URL = /(?:\b(?:globalThis|window|self)\.|(?<![\w$.'"`-]))URL(?:SearchParams)?(?![\w$'"`-])/;

/** The template that a bundle needs. */
export function templateFor(code: string): TemplateKind {
  return NAMES_URL.test(code) ? "url" : "plain";
}
