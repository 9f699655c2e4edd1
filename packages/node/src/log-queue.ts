/** Pino's number of the lowest level whose lines are dropped last. */
const WARN = 40;

interface Line {
  /** Its place among all lines. */
  order: number;
  bytes: Buffer;
}

/** Lines of a log that wait to be written, up to a number of bytes; the oldest below `warn` make room first. */
export class LogQueue {
  readonly #low = new Fifo();
  readonly #high = new Fifo();
  #pushed = 0;
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get isEmpty(): boolean {
    return this.#low.first === undefined && this.#high.first === undefined;
  }

  /** Adds a line; returns how many were dropped for it. */
  push(bytes: Buffer, level: number): number {
    this.#pushed += 1;
    this.#bytes += bytes.length;
    (level < WARN ? this.#low : this.#high).push({ order: this.#pushed, bytes });
    return this.shrink(this.maxBytes);
  }

  /** The oldest line. */
  shift(): Buffer | null {
    const low = this.#low.first?.order ?? Number.POSITIVE_INFINITY;
    const high = this.#high.first?.order ?? Number.POSITIVE_INFINITY;
    return this.#take(low < high ? this.#low : this.#high);
  }

  /** Drops lines until at most `maxBytes` are left; returns how many. */
  shrink(maxBytes: number): number {
    let dropped = 0;
    while (this.#bytes > maxBytes) {
      this.#take(this.#low.first ? this.#low : this.#high);
      dropped += 1;
    }
    return dropped;
  }

  #take(from: Fifo): Buffer | null {
    const line = from.shift();
    if (!line) return null;
    this.#bytes -= line.bytes.length;
    return line.bytes;
  }
}

class Fifo {
  #lines: (Line | undefined)[] = [];
  #head = 0;

  get first(): Line | undefined {
    return this.#lines[this.#head];
  }

  push(line: Line): void {
    this.#lines.push(line);
  }

  shift(): Line | undefined {
    const line = this.first;
    if (!line) return undefined;
    this.#lines[this.#head] = undefined;
    this.#head += 1;
    // An array's own `shift` moves all that is behind it.
    if (this.#head * 2 > this.#lines.length) {
      this.#lines = this.#lines.slice(this.#head);
      this.#head = 0;
    }
    return line;
  }
}
