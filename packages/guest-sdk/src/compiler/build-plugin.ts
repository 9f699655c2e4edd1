import { mkdir } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { manifestWarnings, parsePluginInfo } from "@aspen/plugin-api";
import { manifestText, outputPaths, recordText, wasmHash } from "./build-output.js";
import { compilerErrors } from "./errors.js";
import { type BuildBounds, runBuild } from "./process/run-build.js";
import { readManifest } from "./read-manifest.js";
import { replaceFile } from "./replace-file.js";
import type { WasmManifest } from "./wasm-manifest.js";

export interface CompileOptions extends BuildBounds {
  /** It is an official plugin, to which these reserved prefixes belong; a feature of a node brings it. @default none */
  official?: { readonly reservedPrefixes: readonly string[] };
}

export interface BuildPluginOptions extends CompileOptions {
  /** Folder of plugin.json. */
  directory: string;
  /** Where plugin.wasm, plugin.json and build.json go. @default `dist` in the plugin's folder */
  outDirectory?: string;
}

export interface BuiltPlugin {
  /** As written, with the hash. */
  manifest: WasmManifest;
  wasmPath: string;
  manifestPath: string;
  /** Size of the wasm file. */
  bytes: number;
  /** What the author should know although it is no error, one sentence each. */
  warnings: string[];
}

/** What a build makes of the sources, in memory. */
export interface CompiledPlugin {
  /** With the hash of the wasm file. */
  manifest: WasmManifest;
  wasm: Uint8Array;
  /** What the author should know although it is no error, one sentence each. */
  warnings: string[];
  /** Stands for everything that the wasm file was made from. */
  fingerprint: string;
}

/**
 * Compiles a plugin's TypeScript to one wasm file and writes it with its plugin.json, and with a record for
 * {@link isBuildCurrent}. The same sources give the same bytes. Files that are there are replaced at the end,
 * each in one step. What is built keeps every rule of an install that can be checked without a node.
 *
 * @throws AspenError `MANIFEST_INVALID`, `API_VERSION_UNSUPPORTED` or `PLUGIN_PREFIX_CONFLICT`, as an install would
 * @throws AspenError `BUILD_FAILED` naming file, line and column, or the limit that the build ran into
 */
export async function buildPlugin(options: BuildPluginOptions): Promise<BuiltPlugin> {
  const { directory, outDirectory } = foldersOf(options);
  const { manifest, wasm, warnings, fingerprint } = await compilePlugin(directory, options);
  const paths = outputPaths(outDirectory, manifest);
  if ([paths.manifest, paths.record].some((path) => relative(path, paths.wasm) === "")) {
    throw compilerErrors.outputName("entry.wasm", manifest.entry.wasm);
  }
  await mkdir(dirname(paths.wasm), { recursive: true }).catch((error) => {
    throw compilerErrors.notWritten(dirname(paths.wasm), error);
  });
  await replaceFile(paths.wasm, wasm);
  await replaceFile(paths.manifest, manifestText(manifest));
  // The record comes last, so that it never speaks for files that are not there yet.
  await replaceFile(paths.record, recordText(fingerprint, manifest.wasm_hash!));
  return { manifest, wasmPath: paths.wasm, manifestPath: paths.manifest, bytes: wasm.length, warnings };
}

/** Like {@link buildPlugin}, without writing anything. */
export async function compilePlugin(folder: string, options: CompileOptions = {}): Promise<CompiledPlugin> {
  const directory = resolve(folder);
  const manifest = await readManifest(join(directory, "plugin.json"), options);
  const { wasm, fingerprint, info } = await runBuild({ type: "compile", directory, manifest }, options);
  parsePluginInfo(info.ok ? JSON.parse(info.output) : info.error, manifest);
  return {
    manifest: { ...manifest, wasm_hash: wasmHash(wasm) },
    wasm,
    warnings: manifestWarnings(manifest),
    fingerprint,
  };
}

/**
 * True when a build would write the files that are there. It bundles the sources, so it sees everything that decides
 * the outcome: a file that is imported from anywhere, a package, a setting, a new file that takes the place of another.
 * The plugin's own code is not run.
 *
 * @throws AspenError as {@link buildPlugin} does when the sources cannot be bundled
 */
export async function isBuildCurrent(options: BuildPluginOptions): Promise<boolean> {
  const { directory, outDirectory } = foldersOf(options);
  const manifest = await readManifest(join(directory, "plugin.json"), options);
  return runBuild({ type: "is-current", directory, manifest, outDirectory }, options);
}

function foldersOf(options: BuildPluginOptions): { directory: string; outDirectory: string } {
  const directory = resolve(options.directory);
  return { directory, outDirectory: resolve(directory, options.outDirectory ?? "dist") };
}
