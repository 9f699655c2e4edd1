import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PluginManifest } from "@aspen/plugin-api";

/** True when `dist` of a plugin's folder lacks a file or is older than a source. */
export async function isStale(directory: string, { source, wasm }: PluginManifest["entry"]): Promise<boolean> {
  const built = await Promise.all([wasm, "plugin.json"].map((file) => modified(join(directory, "dist", file))));
  const oldest = Math.min(...built.map((time) => time ?? Number.NEGATIVE_INFINITY));
  const sources = ["plugin.json", "package.json", source].map((file) => join(directory, file));
  const times = await Promise.all(sources.map(modified));
  const newest = Math.max(...times.map((time) => time ?? 0), await newestIn(directory, dirname(source)));
  return newest > oldest;
}

async function newestIn(directory: string, folder: string): Promise<number> {
  // A source beside plugin.json has the whole folder around it, with dist and node_modules; it alone is looked at.
  if (folder === ".") return 0;
  let newest = 0;
  for (const entry of await readdir(join(directory, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.parentPath.includes("node_modules")) continue;
    newest = Math.max(newest, (await modified(join(entry.parentPath, entry.name))) ?? 0);
  }
  return newest;
}

async function modified(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
