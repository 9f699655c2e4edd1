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
  /** What the author should know although it is no error, one sentence each. */
  warnings: string[];
}

/** Builds a plugin's folder into its `dist`. @throws AspenError `BUILD_FAILED`, `MANIFEST_INVALID` */
export async function buildFolder(path: string): Promise<BuiltFolder> {
  // The compiler is large; only a build loads it.
  const { buildPlugin } = await import("@aspen/guest-sdk/compiler");
  const directory = resolve(path);
  const started = performance.now();
  const { manifest, bytes, warnings } = await buildPlugin({ directory });
  const ms = Math.round(performance.now() - started);
  const { name, version, wasm_hash: wasmHash } = manifest;
  return { name, version, bytes, ms, wasmHash, directory, warnings };
}
