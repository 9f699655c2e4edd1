import { createRequire } from "node:module";
import { join } from "node:path";
import { LIMITS } from "@aspen/plugin-api/abi";
import { readRegular, SETTINGS_BYTES_MAX } from "./regular-file.js";
import type { WasmManifest } from "./wasm-manifest.js";

// The package is CommonJS without named ESM exports.
const { blake3 } = createRequire(import.meta.url)("@napi-rs/blake-hash") as typeof import("@napi-rs/blake-hash");

/** The files of a build, in the order in which they are written. */
export function outputPaths(outDirectory: string, { entry }: WasmManifest) {
  return {
    wasm: join(outDirectory, entry.wasm),
    manifest: join(outDirectory, "plugin.json"),
    record: join(outDirectory, "build.json"),
  };
}

/** The hash of a wasm file as plugin.json has it. */
export function wasmHash(wasm: Uint8Array): string {
  return blake3(Buffer.from(wasm.buffer, wasm.byteOffset, wasm.byteLength)).toString("hex");
}

/** plugin.json of a build; with the hash of its wasm file. */
export function manifestText(manifest: WasmManifest): string {
  return jsonText(manifest);
}

/** What a build notes of itself: a fingerprint of all that went into it, and the hash of what came out. */
export function recordText(fingerprint: string, hash: string): string {
  return jsonText({ fingerprint, wasm_hash: hash });
}

/** True when a folder holds the build with this fingerprint, whole and as it was written. */
export async function holdsBuild(folder: string, manifest: WasmManifest, fingerprint: string): Promise<boolean> {
  const paths = outputPaths(folder, manifest);
  const wasm = await contentOf(paths.wasm, LIMITS.wasmBytes);
  if (!wasm) return false;
  const hash = wasmHash(wasm);
  const holds = async (path: string, text: string) =>
    (await contentOf(path, SETTINGS_BYTES_MAX))?.equals(Buffer.from(text)) ?? false;
  return (
    (await holds(paths.record, recordText(fingerprint, hash))) &&
    (await holds(paths.manifest, manifestText({ ...manifest, wasm_hash: hash })))
  );
}

/** Null when no build has written it; then it is built anew. */
async function contentOf(path: string, limit: number): Promise<Buffer | null> {
  try {
    return Buffer.from(await readRegular(path, limit));
  } catch {
    return null;
  }
}

function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
