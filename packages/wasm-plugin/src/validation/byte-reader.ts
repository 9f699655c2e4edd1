/** What is wrong with a wasm file; its message completes "the file cannot be used: …". */
export class WasmProblem extends Error {}

/** Reads the parts of a wasm file in place (WebAssembly Core Specification 2.0, section 5). */
export class ByteReader {
  constructor(
    readonly bytes: Uint8Array,
    public offset: number,
    /** Where the part that is read ends. */
    public end: number,
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
