import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
// The rest of that package takes longer to load than a plugin to compile.
import { BUNDLE_NAME, LIMITS } from "@aspen/plugin-api/abi";
import { GuestRunner } from "../testing/guest-runner.js";
import { holdsBuild } from "./build-output.js";
import { type Bundle, bundlePlugin } from "./bundle/bundle.js";
import { compilerErrors } from "./errors.js";
import { BUILD_LIMIT_MS } from "./limits.js";
import { snapshot } from "./snapshot.js";
import { boundedEngine, loadTemplate } from "./template/load-template.js";
import { BuildVm, GuestException } from "./vm.js";
import type { WasmManifest } from "./wasm-manifest.js";

/** Memory for turning a bundle into bytecode; it takes some twenty times the size of the source. */
const PARSER_BYTES = 1024 * 1024 * 1024;

/** With less than this below its limit, an engine's memory is full. */
const NO_ROOM_BYTES = 256 * 1024;

export interface CompileInput {
  /** Folder of plugin.json. */
  directory: string;
  manifest: WasmManifest;
}

export interface CompileResult {
  wasm: Uint8Array;
  /** Stands for everything that the wasm file was made from. */
  fingerprint: string;
  /** What `plugin_info` answers: a JSON text, or why there is none. */
  info: { ok: true; output: string } | { ok: false; error: string };
}

/**
 * Compiles a plugin in this thread. `onTopLevel` is called before the plugin's own code runs.
 *
 * @throws AspenError `BUILD_FAILED`
 */
export async function compile(input: CompileInput, onTopLevel: () => void): Promise<CompileResult> {
  const { name, memory_limit: memoryBytes } = input.manifest;
  const { template, bundle, fingerprint } = await gather(input);
  const parsed = await inEngine(input.manifest, bundle, async () => {
    const parser = await BuildVm.create(await boundedEngine(template.wasm, PARSER_BYTES));
    const scripts = [...template.scripts, { name: BUNDLE_NAME, code: bundle.code }];
    return scripts.map((script) => parser.compile(script.code, script.name));
  });
  onTopLevel();
  const wasm = await inEngine(input.manifest, bundle, () =>
    snapshot({ template, bytecode: parsed, sourceMap: bundle.sourceMap, memoryBytes, plugin: name }),
  );
  if (wasm.length > LIMITS.wasmBytes) throw compilerErrors.wasmTooLarge(name, wasm.length, LIMITS.wasmBytes);
  const runner = new GuestRunner(await WebAssembly.compile(wasm as BufferSource));
  return { wasm, fingerprint, info: runner.call("plugin_info") };
}

/** True when a folder holds what {@link compile} would make now. @throws AspenError `BUILD_FAILED` */
export async function isCurrent(input: CompileInput, outDirectory: string): Promise<boolean> {
  return holdsBuild(outDirectory, input.manifest, (await gather(input)).fingerprint);
}

async function gather({ directory, manifest }: CompileInput) {
  const bundle = await bundlePlugin(directory, manifest);
  const [template, compiler] = await Promise.all([loadTemplate(bundle.code), readFile(fileURLToPath(import.meta.url))]);
  const scripts = template.scripts.map(({ code }) => code);
  const parts = [compiler, template.wasm, ...scripts, JSON.stringify(manifest), bundle.code, bundle.sourceMap];
  const fingerprint = createHash("sha256");
  // Each part has a hash of its own, so that no two lists of parts look the same.
  for (const part of parts) fingerprint.update(createHash("sha256").update(part).digest());
  return { template, bundle, fingerprint: fingerprint.digest("hex") };
}

/** Runs the engine. What goes wrong in it becomes an error about the plugin. */
async function inEngine<T>(
  { name, entry, memory_limit }: WasmManifest,
  { sourceMap }: Bundle,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // The engine guards its stack and its memory. What gets past it ends here.
    if (error instanceof RangeError || error instanceof WebAssembly.RuntimeError) {
      throw compilerErrors.engineTrapped(name, error);
    }
    if (!(error instanceof GuestException)) throw error;
    const stack = await inTypeScript(error.guestStack, sourceMap);
    if (error.stopped) throw compilerErrors.topLevelEndless(name, entry.source, BUILD_LIMIT_MS, stack);
    if (error.whileParsing) throw compilerErrors.notParsed(name, error.message, stack);
    if (isOutOfMemory(error, memory_limit)) throw compilerErrors.tooMuchMemory(name, memory_limit, stack);
    throw compilerErrors.topLevelThrew(name, error.message, stack);
  }
}

/** A stack stays as it is when the bundle is too large for a source map. */
async function inTypeScript(stack: string, sourceMap: string): Promise<string> {
  const { GuestStackMap, SOURCE_MAP_LIMITS } = await import("@aspen/plugin-api");
  return sourceMap.length > SOURCE_MAP_LIMITS.bytes ? stack : new GuestStackMap(sourceMap).map(stack);
}

/** Without room for an error the engine throws null. */
function isOutOfMemory({ message, memoryBytes }: GuestException, limit: number): boolean {
  return /\bout of memory\b/.test(message) || (message === "null" && memoryBytes > limit - NO_ROOM_BYTES);
}
