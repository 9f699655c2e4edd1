import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import {
  BUNDLE_NAME,
  GuestStackMap,
  LIMITS,
  type PluginManifest,
  parseManifest,
  SOURCE_MAP_LIMITS,
} from "@aspen/plugin-api";
import { bundlePlugin } from "./bundle.js";
import { compilerErrors } from "./errors.js";
import { snapshot } from "./snapshot.js";
import { loadTemplate, templateFor } from "./template/load-template.js";
import { BUILD_LIMIT_MS, BuildVm, GuestException } from "./vm.js";

// The package is CommonJS without named ESM exports.
const { blake3 } = createRequire(import.meta.url)("@napi-rs/blake-hash") as typeof import("@napi-rs/blake-hash");

export interface BuildPluginOptions {
  /** Folder of plugin.json. */
  directory: string;
  /** Where plugin.wasm and plugin.json go. @default `dist` in the plugin's folder */
  outDirectory?: string;
}

export interface BuiltPlugin {
  /** As written, with the hash. */
  manifest: PluginManifest;
  wasmPath: string;
  manifestPath: string;
  /** Size of the wasm file. */
  bytes: number;
}

/** What a build makes of the sources, in memory. */
export interface CompiledPlugin {
  manifest: PluginManifest;
  wasm: Uint8Array;
}

/**
 * Compiles a plugin's TypeScript to one wasm file and writes it with its plugin.json. The same sources give
 * the same bytes. Files that are there are replaced at the end, each in one step.
 *
 * @throws AspenError `MANIFEST_INVALID`, or `BUILD_FAILED` naming file, line and column
 */
export async function buildPlugin(options: BuildPluginOptions): Promise<BuiltPlugin> {
  const directory = resolve(options.directory);
  const outDirectory = resolve(directory, options.outDirectory ?? "dist");
  const { manifest, wasm } = await compilePlugin(directory);
  await mkdir(outDirectory, { recursive: true });
  const wasmPath = join(outDirectory, manifest.entry.wasm);
  const manifestPath = join(outDirectory, "plugin.json");
  await replaceFile(wasmPath, wasm);
  await replaceFile(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
  return { manifest, wasmPath, manifestPath, bytes: wasm.length };
}

/** Like {@link buildPlugin}, without writing anything. */
export async function compilePlugin(directory: string): Promise<CompiledPlugin> {
  const manifest = await readManifest(join(directory, "plugin.json"));
  const bundle = await bundlePlugin(directory, manifest);
  const template = await loadTemplate(templateFor(bundle.code));
  const { name, memory_limit: memoryBytes } = manifest;
  try {
    const vm = await BuildVm.create(template.module);
    const bytecode = [...template.scripts, { name: BUNDLE_NAME, code: bundle.code }].map((script) =>
      vm.compile(script.code, script.name),
    );
    const wasm = await snapshot({ template, bytecode, sourceMap: bundle.sourceMap, memoryBytes, plugin: name });
    if (wasm.length > LIMITS.wasmBytes) throw compilerErrors.wasmTooLarge(name, wasm.length, LIMITS.wasmBytes);
    const hash = blake3(Buffer.from(wasm.buffer, wasm.byteOffset, wasm.byteLength)).toString("hex");
    return { manifest: { ...manifest, wasm_hash: hash }, wasm };
  } catch (error) {
    if (!(error instanceof GuestException)) throw error;
    const stack = inTypeScript(error.guestStack, bundle.sourceMap);
    if (error.stopped) throw compilerErrors.topLevelEndless(name, manifest.entry.source, BUILD_LIMIT_MS, stack);
    throw compilerErrors.topLevelThrew(name, error.message, stack);
  }
}

/** The stack of a bundle that is too large for a source map stays as it is. */
function inTypeScript(stack: string, sourceMap: string): string {
  return sourceMap.length > SOURCE_MAP_LIMITS.bytes ? stack : new GuestStackMap(sourceMap).map(stack);
}

async function readManifest(path: string): Promise<PluginManifest> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw compilerErrors.manifestUnreadable(path, "cannot be read", error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw compilerErrors.manifestUnreadable(
      path,
      `is not JSON: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
  return parseManifest(json);
}

async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
