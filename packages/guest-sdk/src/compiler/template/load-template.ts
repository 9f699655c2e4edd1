import { readFile } from "node:fs/promises";
import { compilerErrors } from "../errors.js";
import { TEMPLATE_FILE } from "./template-file.js";

export interface Template {
  wasm: Uint8Array;
  module: WebAssembly.Module;
}

let loading: Promise<Template> | null = null;

/** The engine template, compiled once in a process. @throws AspenError `BUILD_FAILED` when the SDK is not built */
export function loadTemplate(): Promise<Template> {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load(): Promise<Template> {
  let wasm: Uint8Array;
  try {
    wasm = await readFile(TEMPLATE_FILE);
  } catch (error) {
    throw compilerErrors.noTemplate(TEMPLATE_FILE, error);
  }
  return { wasm, module: await WebAssembly.compile(wasm as BufferSource) };
}
