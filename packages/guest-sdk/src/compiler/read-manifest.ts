import { decodeDocument, isAspenError, type ParseManifestOptions, parseManifest } from "@aspen/plugin-api";
import { compilerErrors } from "./errors.js";
import { readRegular, SETTINGS_BYTES_MAX } from "./regular-file.js";
import { isWasmManifest, type WasmManifest } from "./wasm-manifest.js";

/** The plugin.json beside a plugin's sources. @throws AspenError `BUILD_FAILED`, or what `parseManifest` throws */
export async function readManifest(path: string, options?: ParseManifestOptions): Promise<WasmManifest> {
  let text: string;
  try {
    text = decodeDocument(await readRegular(path, SETTINGS_BYTES_MAX));
  } catch (error) {
    if (isAspenError(error)) throw error;
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
  const manifest = parseManifest(json, options);
  if (!isWasmManifest(manifest)) throw compilerErrors.otherTier(manifest.name, manifest.entry.kind);
  return manifest;
}
