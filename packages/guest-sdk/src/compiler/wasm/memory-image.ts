/** A linear memory as sections of a wasm file. */
import { signed, unsigned } from "./binary.js";

export const PAGE_BYTES = 65_536;
/** Zero words that end a data segment; a segment costs about as many bytes. */
const GAP_WORDS = 8;

/** The memory section of one memory; it may grow to `maximumPages`, or as far as the engine lets it. */
export function memorySection(bytes: number, maximumPages?: number): Uint8Array {
  const minimum = unsigned(bytes / PAGE_BYTES);
  return maximumPages === undefined
    ? Buffer.concat([Uint8Array.of(1, 0), minimum])
    : Buffer.concat([Uint8Array.of(1, 1), minimum, unsigned(maximumPages)]);
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
    signed(start),
    Uint8Array.of(END),
    unsigned(end - start),
    memory.subarray(start, end),
  ]);
  return Buffer.concat([unsigned(ranges.length), ...segments]);
}
