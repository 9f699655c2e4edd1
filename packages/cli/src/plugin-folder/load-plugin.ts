import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { artifactsOf, decodeDocument, LIMITS, type PluginManifest, parseManifest } from "@aspen/plugin-api";
import { cliErrors } from "../errors.js";
import { type BuiltFolder, buildFolder } from "./build-folder.js";
import { isStale } from "./staleness.js";

/** Most bytes of a plugin.json; one at all its limits has less. */
const MANIFEST_BYTES_MAX = 1024 * 1024;

export interface LoadedPlugin {
  manifest: PluginManifest;
  artifacts: { name: string; content: Uint8Array }[];
}

export interface LoadOptions {
  /** Called when the folder had to be built first. */
  onBuilt?: (built: BuiltFolder) => void;
}

/**
 * A plugin from a folder with sources (built when it has to be), a built folder, or a wasm file with its
 * plugin.json beside it.
 */
export async function loadPlugin(path: string, options: LoadOptions = {}): Promise<LoadedPlugin> {
  const { folder, file } = await locate(resolve(path), options);
  const manifest = parseManifest(await readManifest(folder));
  const artifacts: LoadedPlugin["artifacts"] = [];
  for (const { name } of artifactsOf(manifest)) {
    artifacts.push({ name, content: await readRegular(file ?? join(folder, name), LIMITS.artifactBytes) });
  }
  return { manifest, artifacts };
}

/** The folder whose plugin.json describes a built wasm file, and that file when it was named. */
async function locate(path: string, { onBuilt }: LoadOptions): Promise<{ folder: string; file?: string }> {
  const kind = await kindOf(path);
  if (kind === null) throw cliErrors.notAPlugin(path, "it does not exist");
  if (kind === "other") throw cliErrors.notAPlugin(path, "it is neither a file nor a folder");
  if (kind === "file") {
    if (basename(path) !== "plugin.json") return { folder: dirname(path), file: path };
    return locate(dirname(path), onBuilt ? { onBuilt } : {});
  }
  if ((await kindOf(join(path, "plugin.json"))) === null) {
    throw cliErrors.notAPlugin(path, "it has no plugin.json");
  }
  const { entry } = parseManifest(await readManifest(path));
  // Only wasm is built.
  if (entry.kind !== "wasm") return { folder: path };
  const dist = join(path, "dist");
  if ((await kindOf(join(path, entry.source))) === "file") {
    if (await isStale(path)) {
      const built = await buildFolder(path);
      onBuilt?.(built);
    }
    return { folder: dist };
  }
  // Without sources it is a built folder itself, or keeps one in dist.
  if ((await kindOf(join(dist, "plugin.json"))) === "file") return { folder: dist };
  if ((await kindOf(join(path, entry.wasm))) === "file") return { folder: path };
  throw cliErrors.notAPlugin(
    path,
    `its source ${entry.source} (entry.source of plugin.json) does not exist, nor does a built ${entry.wasm}`,
  );
}

async function kindOf(path: string): Promise<"file" | "folder" | "other" | null> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) return "folder";
    return stats.isFile() ? "file" : "other";
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw cliErrors.file(path, error);
  }
}

/** Reads what has an end: not a pipe, which may never have any content, nor a device. */
async function readRegular(path: string, limit: number): Promise<Uint8Array> {
  const stats = await stat(path).catch((error: unknown) => {
    throw cliErrors.file(path, error);
  });
  if (!stats.isFile()) throw cliErrors.file(path, new Error("it is no regular file"));
  if (stats.size > limit) throw cliErrors.tooLarge(path, stats.size, limit);
  return readFile(path).catch((error: unknown) => {
    throw cliErrors.file(path, error);
  });
}

async function readManifest(folder: string): Promise<unknown> {
  const path = join(folder, "plugin.json");
  const text = decodeDocument(await readRegular(path, MANIFEST_BYTES_MAX));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw cliErrors.notAPlugin(path, `plugin.json is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}
