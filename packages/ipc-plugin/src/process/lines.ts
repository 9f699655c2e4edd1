import type { Readable } from "node:stream";
import { decodeUtf8 } from "@aspen/plugin-api/abi";

const NEWLINE = 10;

/** Cuts bytes into lines. What is longer than `most` bytes is cut, and the rest of that line is dropped. */
export class LineCutter {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(
    private readonly most: number,
    private readonly onLine: (line: string) => void,
  ) {}

  add(chunk: Uint8Array): void {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      this.#keep(rest.subarray(0, end));
      this.end();
      rest = rest.subarray(end + 1);
    }
    this.#keep(rest);
  }

  /** The line so far is whole. */
  end(): void {
    if (this.#bytes > 0) this.onLine(decodeUtf8(Buffer.concat(this.#parts)));
    this.#parts = [];
    this.#bytes = 0;
  }

  #keep(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, this.most - this.#bytes);
    if (kept.length === 0) return;
    this.#parts.push(kept);
    this.#bytes += kept.length;
  }
}

/** Reads a stream to its end, whatever comes. */
export function readLines(stream: Readable, most: number, onLine: (line: string) => void): void {
  const lines = new LineCutter(most, onLine);
  stream.on("data", (chunk: Buffer) => lines.add(chunk));
  stream.on("end", () => lines.end());
  // That of a process which was killed; its exit tells.
  stream.on("error", () => lines.end());
}
