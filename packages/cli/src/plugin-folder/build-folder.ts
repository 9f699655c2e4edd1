import { resolve } from "node:path";

export interface BuiltFolder {
  name: string;
  version: string;
  /** Size of the wasm file. */
  bytes: number;
  ms: number;
  /** BLAKE3 hash of the wasm file. */
  wasmHash: string | undefined;
  directory: string;
}

/** Builds a plugin's folder into its `dist`. @throws AspenError `BUILD_FAILED`, `MANIFEST_INVALID` */
export async function buildFolder(path: string): Promise<BuiltFolder> {
  // The compiler is large; only a build loads it.
  const { buildPlugin } = await import("@aspen/guest-sdk/compiler");
  const directory = resolve(path);
  const started = performance.now();
  const { manifest, bytes } = await buildPlugin({ directory });
  const ms = Math.round(performance.now() - started);
  return { name: manifest.name, version: manifest.version, bytes, ms, wasmHash: manifest.wasm_hash, directory };
}
