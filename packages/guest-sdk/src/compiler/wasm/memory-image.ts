/** A linear memory as sections of a wasm file. */
import { signedLeb128, unsignedLeb128 } from "@aspen/plugin-api/wasm";

export const PAGE_BYTES = 65_536;
/** Zero words that end a data segment; a segment costs about as many bytes. */
const GAP_WORDS = 8;

/** The memory section of one memory; it may grow to `maximumPages`, or as far as the engine lets it. */
export function memorySection(bytes: number, maximumPages?: number): Uint8Array {
  const minimum = unsignedLeb128(bytes / PAGE_BYTES);
  return maximumPages === undefined
    ? Buffer.concat([Uint8Array.of(1, 0), minimum])
    : Buffer.concat([Uint8Array.of(1, 1), minimum, unsignedLeb128(maximumPages)]);
}

/** `[start, end)` in bytes of what is not zero. */
export function nonZeroRanges(memory: Uint8Array): [number, number][] {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length / 4);
  const ranges: [number, number][] = [];
  let at = 0;
  for (;;) {
    while (at < words.length && words[at] === 0) at += 1;
    if (at >= words.length) return ranges;
    const start = at;
    let zeros = 0;
    while (at < words.length && zeros < GAP_WORDS) {
      zeros = words[at] === 0 ? zeros + 1 : 0;
      at += 1;
    }
    ranges.push([start * 4, (at - zeros) * 4]);
  }
}

const I32_CONST = 0x41;
const END = 0x0b;

export function dataSection(memory: Uint8Array, ranges: readonly [number, number][]): Uint8Array {
  const segments = ranges.flatMap(([start, end]) => [
    Uint8Array.of(0, I32_CONST),
    signedLeb128(start),
    Uint8Array.of(END),
    unsignedLeb128(end - start),
    memory.subarray(start, end),
  ]);
  return Buffer.concat([unsignedLeb128(ranges.length), ...segments]);
}
