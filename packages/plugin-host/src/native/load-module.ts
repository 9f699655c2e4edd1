import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { AspenError, GUEST, type GuestFactory, isAspenError } from "@aspen/plugin-api/abi";
import { nativeErrors } from "../errors.js";

/** What Node does not run as it is. */
const TYPESCRIPT = /\.[cm]?tsx?$/;

let imports = 0;

/**
 * What a native plugin's module exports as `default`: of a module that is given, or of the file that is named by an
 * absolute path or a `file:` URL. A file is read anew every time, so that a reload runs what it says now; what it
 * imports is read anew only where it is TypeScript, which is bundled into one module first.
 *
 * @throws AspenError `BUILD_FAILED` when it cannot be imported or exports no plugin
 */
export async function loadModule(plugin: string, module: unknown): Promise<GuestFactory> {
  const loaded = typeof module === "string" || module instanceof URL ? await importFile(plugin, module) : module;
  const factory = factoryOf(loaded) ?? factoryOf((loaded as { default?: unknown } | null | undefined)?.default);
  if (!factory) throw nativeErrors.noPlugin(plugin);
  return factory;
}

function factoryOf(value: unknown): GuestFactory | null {
  const factory = (value as { [GUEST]?: unknown } | null | undefined)?.[GUEST];
  return typeof factory === "function" ? (factory as GuestFactory) : null;
}

async function importFile(plugin: string, module: string | URL): Promise<unknown> {
  const path = pathOf(plugin, module);
  try {
    if (TYPESCRIPT.test(path)) return await importTypeScript(plugin, path);
    return await importAnew(path);
  } catch (error) {
    throw isAspenError(error) ? error : nativeErrors.notImported(plugin, path, error);
  }
}

function pathOf(plugin: string, module: string | URL): string {
  if (module instanceof URL || module.startsWith("file:")) return fileURLToPath(module);
  if (isAbsolute(module)) return module;
  throw nativeErrors.notImported(plugin, module, new Error("its path is not absolute"));
}

/** Node keeps what it has imported by address. */
async function importAnew(path: string): Promise<unknown> {
  const url = pathToFileURL(path);
  imports += 1;
  url.searchParams.set("aspen", String(imports));
  return import(url.href);
}

async function importTypeScript(plugin: string, path: string): Promise<unknown> {
  const code = await bundled(plugin, path);
  const folder = await mkdtemp(join(tmpdir(), "aspen-native-"));
  try {
    const file = join(folder, "plugin.mjs");
    await writeFile(file, code);
    return await import(pathToFileURL(file).href);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bundled(plugin: string, path: string): Promise<string> {
  let compiler: typeof import("@aspen/guest-sdk/compiler");
  try {
    compiler = await import("@aspen/guest-sdk/compiler");
  } catch (error) {
    throw nativeErrors.noCompiler(plugin, path, AspenError.from(error));
  }
  return compiler.bundleForNode({ plugin, source: path });
}
