import { forgeErrors } from "../errors.js";

/**
 * The framing of git's protocols (gitprotocol-common(5), "pkt-line Format"): four hexadecimal digits with the length of
 * the line, themselves included; `0000` is a flush. No library on npm has a server's side of it.
 */
export const FLUSH = "0000";
const LINE_MAX = 65_520;
/** Bytes of a line of the side band beside its data: the length, and the band. */
const BAND_BYTES = 5;

export function pktLine(text: string): string {
  return (Buffer.byteLength(text) + 4).toString(16).padStart(4, "0") + text;
}

/** Lines of a band: 1 is the answer, 2 is shown to the person, 3 ends with an error. */
export function* sideBand(band: 1 | 2 | 3, data: Buffer): Iterable<Buffer> {
  for (let start = 0; start < data.length; start += LINE_MAX - BAND_BYTES) {
    const part = data.subarray(start, start + LINE_MAX - BAND_BYTES);
    const head = Buffer.from(`${(part.length + BAND_BYTES).toString(16).padStart(4, "0")}${String.fromCharCode(band)}`);
    yield Buffer.concat([head, part]);
  }
}

/** Reads lines from the beginning of a stream, and leaves the rest to be read as it is. */
export class PktReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer = Buffer.alloc(0);
  #read = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next line; null for a flush, undefined at the end of the stream. @throws AspenError `INVALID_PARAMS` */
  async next(mostBytes: number): Promise<Buffer | null | undefined> {
    if (!(await this.#fill(4))) {
      if (this.#buffer.length > 0) throw forgeErrors.protocol("it ends within a line");
      return undefined;
    }
    const digits = this.#buffer.toString("latin1", 0, 4);
    const length = /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
    if (length === 0) {
      this.#buffer = this.#buffer.subarray(4);
      return null;
    }
    if (length < 5 || length > LINE_MAX) throw forgeErrors.protocol("a line has a wrong length");
    this.#read += length;
    if (this.#read > mostBytes) throw forgeErrors.protocol(`its commands are larger than ${mostBytes} bytes`);
    if (!(await this.#fill(length))) throw forgeErrors.protocol("it ends within a line");
    const line = this.#buffer.subarray(4, length);
    this.#buffer = this.#buffer.subarray(length);
    return line;
  }

  /** What comes behind the lines. */
  async *rest(): AsyncIterable<Uint8Array> {
    if (this.#buffer.length > 0) yield this.#buffer;
    this.#buffer = Buffer.alloc(0);
    for (;;) {
      const { done, value } = await this.#source.next();
      if (done) return;
      yield value;
    }
  }

  async #fill(bytes: number): Promise<boolean> {
    while (this.#buffer.length < bytes) {
      const { done, value } = await this.#source.next();
      if (done) return false;
      this.#buffer = this.#buffer.length === 0 ? Buffer.from(value) : Buffer.concat([this.#buffer, value]);
    }
    return true;
  }
}
