/** Levels of a log, the least first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One line of a plugin's log: its own, or one of the node about it. */
export interface PluginLogLine {
  /** Milliseconds since the Unix epoch. */
  at: number;
  level: LogLevel;
  message: string;
  /** Of the request that the plugin was answering. */
  requestId?: string;
  fields?: Record<string, unknown>;
}

export interface RingPage {
  /** The oldest first. */
  lines: PluginLogLine[];
  /** Number of the last line that was looked at. */
  last: number;
  /** Lines that were dropped before anybody who reads like this could see them. */
  dropped: number;
}

interface Kept {
  level: LogLevel;
  /** JSON, which is small and which nobody can change any more. */
  text: string;
  bytes: number;
}

/** The last lines of one log, within a number of them and of bytes. Lines are numbered from 1. */
export class LogRing {
  /** The line `n` is at `n % maxLines`. */
  readonly #kept: (Kept | undefined)[];
  #first = 1;
  #next = 1;
  #bytes = 0;

  /** @param maxBytes of the lines as JSON; one that is larger alone is dropped */
  constructor(
    private readonly maxLines: number,
    private readonly maxBytes: number,
  ) {
    this.#kept = new Array(maxLines);
  }

  add(line: PluginLogLine): void {
    const text = JSON.stringify(line);
    const bytes = Buffer.byteLength(text);
    if (this.#next - this.#first === this.maxLines) this.#drop();
    this.#kept[this.#next % this.maxLines] = { level: line.level, text, bytes };
    this.#next += 1;
    this.#bytes += bytes;
    while (this.#bytes > this.maxBytes) this.#drop();
  }

  /**
   * Lines of at least a level: up to `limit` behind the line `after`, or, when that is null, the last of them.
   * A page that is not full has all that there is by now.
   */
  read(after: number | null, limit: number, level: LogLevel): RingPage {
    const least = LOG_LEVELS.indexOf(level);
    // A number that this ring has not given is of another: all of this one is new.
    const known = after !== null && after < this.#next ? after : 0;
    const from = Math.max(known + 1, this.#first);
    const lines: Kept[] = [];
    const wanted = (number: number) => {
      const kept = this.#kept[number % this.maxLines]!;
      if (LOG_LEVELS.indexOf(kept.level) >= least) lines.push(kept);
    };
    let last = this.#next - 1;
    if (after === null) {
      for (let number = last; number >= from && lines.length < limit; number -= 1) wanted(number);
      lines.reverse();
    } else {
      let number = from;
      for (; number < this.#next && lines.length < limit; number += 1) wanted(number);
      last = number - 1;
    }
    return { lines: lines.map(({ text }) => JSON.parse(text) as PluginLogLine), last, dropped: from - 1 - known };
  }

  #drop(): void {
    const at = this.#first % this.maxLines;
    this.#bytes -= this.#kept[at]!.bytes;
    this.#kept[at] = undefined;
    this.#first += 1;
  }
}
