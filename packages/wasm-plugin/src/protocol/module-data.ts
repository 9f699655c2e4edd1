/** The data segments of a wasm file, to be written into the memory of each instance. */
export interface ModuleData {
  /** The bytes of all segments, one behind the other; every worker reads the same ones. */
  bytes: SharedArrayBuffer;
  /** For each segment where it goes in the memory, and how many bytes it has. */
  segments: Uint32Array;
}

/** Writes the data into the memory of a fresh instance. */
export function writeData(memory: { readonly buffer: ArrayBuffer }, { bytes, segments }: ModuleData): void {
  const target = new Uint8Array(memory.buffer);
  let from = 0;
  for (let at = 0; at < segments.length; at += 2) {
    const length = segments[at + 1]!;
    target.set(new Uint8Array(bytes, from, length), segments[at]!);
    from += length;
  }
}
