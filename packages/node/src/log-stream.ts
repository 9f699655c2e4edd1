import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { type DestinationStream, symbols } from "pino";
import { LogQueue } from "./log-queue.js";

/** Bytes of lines that wait for a slow reader. */
const QUEUE_BYTES = 4 * 1024 * 1024;
/** Bytes written in one turn of the event loop. */
const TURN_BYTES = 256 * 1024;
/** Milliseconds between tries to write while the reader is stalled: the first, and the longest. */
const RETRY_MS = 5;
const RETRY_MAX_MS = 100;
/** Milliseconds between two lines that say how many were dropped, while it goes on. */
const NOTICE_MS = 1000;
/** At the exit: bytes that are still written, and milliseconds for that without progress and in all. */
const EXIT_BYTES = 256 * 1024;
const EXIT_STALLED_MS = 1000;
const EXIT_MS = 3000;

/**
 * Writes a log without ever waiting for its reader. A line goes out before `write` returns, as long as the reader
 * keeps up; then lines wait, and the oldest are dropped with a line that says how many.
 *
 * Pino's own destination either blocks or keeps without limit what it cannot write, or drops the newest of any level.
 */
export class LogStream implements DestinationStream {
  /** Pino sets it ahead of each line. */
  lastLevel = 0;
  readonly #queue = new LogQueue(QUEUE_BYTES);
  /** What is left of a line that was written in part. */
  #rest: Buffer | null = null;
  #dropped = 0;
  /** Lines that could not be written at all; told of when one can be again: a notice would fail like them, for ever. */
  #lost = 0;
  #noticeAt = 0;
  #retryMs = RETRY_MS;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    /** Writes to it return at once. */
    private readonly descriptor: number,
    /** The line that says how many were dropped. */
    private readonly notice: (lines: number) => string,
  ) {
    Object.defineProperty(this, symbols.needsMetadataGsym, { value: true });
  }

  write(text: string): void {
    const line = Buffer.from(text);
    if (this.#timer) {
      this.#dropped += this.#queue.push(line, this.lastLevel);
      return;
    }
    this.#rest = this.#put(line);
    if (this.#rest) this.#later(RETRY_MS);
  }

  /** Writes what waits, for a limited time: the end of a process must not depend on who reads its log. */
  flushAtExit(): void {
    this.#dropped += this.#queue.shrink(EXIT_BYTES);
    this.#noticeAt = 0;
    const end = performance.now() + EXIT_MS;
    let stalled = performance.now() + EXIT_STALLED_MS;
    for (let next = this.#next(); next; next = this.#next()) {
      this.#rest = this.#put(next);
      const now = performance.now();
      if (this.#rest?.length !== next.length) stalled = now + EXIT_STALLED_MS;
      if (now > Math.min(stalled, end)) return;
      if (this.#rest) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }

  #later(ms: number): void {
    // What waits is written at the exit, so that it need not keep the process alive.
    this.#timer = setTimeout(() => this.#continue(), ms).unref();
  }

  #continue(): void {
    this.#timer = null;
    let left = TURN_BYTES;
    for (let next = this.#next(); next; next = this.#next()) {
      this.#rest = this.#put(next);
      if (this.#rest) {
        const progress = this.#rest.length < next.length || left < TURN_BYTES;
        this.#retryMs = progress ? RETRY_MS : Math.min(this.#retryMs * 2, RETRY_MAX_MS);
        this.#later(this.#retryMs);
        return;
      }
      left -= next.length;
      if (left <= 0) {
        this.#later(0);
        return;
      }
    }
  }

  #next(): Buffer | null {
    if (this.#rest) return this.#rest;
    const now = performance.now();
    if (this.#dropped > 0 && (now >= this.#noticeAt || this.#queue.isEmpty)) {
      const line = Buffer.from(this.notice(this.#dropped));
      this.#dropped = 0;
      this.#noticeAt = now + NOTICE_MS;
      return line;
    }
    return this.#queue.shift();
  }

  /** Writes as much as can be at once; returns the rest, null when there is none. */
  #put(line: Buffer): Buffer | null {
    try {
      const written = writeSync(this.descriptor, line);
      this.#dropped += this.#lost;
      this.#lost = 0;
      return written < line.length ? line.subarray(written) : null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return line;
      // The reader is gone or the disk is full: there is no place to say so but here, later.
      this.#lost += 1;
      return null;
    }
  }
}

/**
 * Stderr as a descriptor to which writes return at once. A pipe or a terminal is opened anew: the flag of the one that
 * the process was born with is also that of every process that shares it, and Node writes to a terminal blocking.
 */
export function openStderr(): number {
  const stat = fstatSync(2);
  if (stat.isFile()) return 2;
  if (!stat.isSocket()) {
    try {
      return openSync("/proc/self/fd/2", constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    } catch {
      // Another user's, or no Linux: the way of a socket is left.
    }
  }
  // Node makes pipes and sockets of its own streams non-blocking when they are looked at first.
  void process.stderr;
  return 2;
}
