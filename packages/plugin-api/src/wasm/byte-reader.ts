import { decodeUtf8 } from "../abi/utf8.js";

/** What is wrong with a wasm file; its message completes "the file cannot be used: …". */
export class WasmProblem extends Error {}

/**
 * Reads the parts of a wasm file in place (WebAssembly Core Specification 2.0, section 5). Every method throws a
 * `WasmProblem` when the bytes are not of the form that it reads.
 */
export class ByteReader {
  /** @param end where the part that is read ends */
  constructor(
    readonly bytes: Uint8Array,
    public offset = 0,
    public end: number = bytes.length,
  ) {}

  get atEnd(): boolean {
    return this.offset >= this.end;
  }

  byte(): number {
    if (this.offset >= this.end) throw new WasmProblem("it is cut short");
    return this.bytes[this.offset++]!;
  }

  /** An unsigned LEB128 number of at most 32 bits. */
  unsigned(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte >= 0x80) continue;
      if (value >= 2 ** 32) break;
      return value;
    }
    throw new WasmProblem("a number in it is too long");
  }

  /** Passes over a signed LEB128 number. */
  skipSigned(maximumBytes: number): void {
    for (let read = 0; read < maximumBytes; read++) if (this.byte() < 0x80) return;
    throw new WasmProblem("a number in it is too long");
  }

  skip(length: number): void {
    this.offset += length;
    if (this.offset > this.end) throw new WasmProblem("it is cut short");
  }

  /** The bytes that follow, not a copy. */
  take(length: number): Uint8Array {
    const start = this.offset;
    this.skip(length);
    return this.bytes.subarray(start, this.offset);
  }

  /** A text with its length in front. */
  name(): string {
    return decodeUtf8(this.take(this.unsigned()));
  }

  /** How many parts follow. @throws WasmProblem when there are more than `limit` of `what` */
  count(limit: number, what: string): number {
    const count = this.unsigned();
    atMost(count, limit, what);
    return count;
  }
}

/** @throws WasmProblem when there are more than `limit` of `what` */
export function atMost(count: number, limit: number, what: string): void {
  if (count > limit) throw new WasmProblem(`it has ${count} ${what}; at most ${limit} are allowed`);
}
