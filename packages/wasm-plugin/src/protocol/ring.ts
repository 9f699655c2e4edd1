/**
 * A queue of records in shared memory, with one thread that writes and one that reads. The writer never blocks:
 * a record for which there is no room must go another way. The writer may take records back that the reader has
 * not claimed; for that moment it holds the reader off.
 *
 * Layout: 64 bytes of header, then records, each of an 8-byte frame (body length, or SKIP), four 64-bit
 * floats and the body, padded to 8 bytes. A record never wraps; SKIP sends the reader back to the start.
 */

const HEAD = 0;
const TAIL = 1;
const FLAG = 2;
const LOCK = 3;
const CLAIMED = 4;
const HEADER_BYTES = 64;

const FRAME_BYTES = 8;
const FIELDS = 4;
const RECORD_BYTES = FRAME_BYTES + FIELDS * 8;
const SKIP = -1;

const FREE = 0;
const READER = 1;
const WRITER = 2;
/** How often the writer tries to get the lock. The reader holds it for less than a microsecond at a time. */
const HOLD_TRIES = 1000;

/** What goes with a record's body. */
export type RingFields = [number, number, number, number];

export interface RingRecord {
  fields: RingFields;
  /** The shared memory itself: good until the record is released. */
  body: Buffer;
}

/** The memory of a ring for `bytes` of records, a multiple of 8. */
export function createRingBuffer(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + bytes);
}

export class Ring {
  readonly #header: Int32Array;
  readonly #frames: Int32Array;
  readonly #floats: Float64Array;
  readonly #bytes: Buffer;
  readonly #capacity: number;
  #next = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#capacity = buffer.byteLength - HEADER_BYTES;
    this.#header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#frames = new Int32Array(buffer, HEADER_BYTES);
    this.#floats = new Float64Array(buffer, HEADER_BYTES);
    this.#bytes = Buffer.from(buffer, HEADER_BYTES);
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#header, HEAD) === Atomics.load(this.#header, TAIL);
  }

  /** The writer's side. Text is written as UTF-8. False when there is no room. */
  push(fields: RingFields, body: string | Uint8Array): boolean {
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const size = RECORD_BYTES + padded(length);
    const at = this.#reserve(size);
    if (at < 0) return false;
    this.#frames[at / 4] = length;
    this.#floats.set(fields, (at + FRAME_BYTES) / 8);
    if (typeof body === "string") this.#bytes.write(body, at + RECORD_BYTES, length, "utf8");
    else this.#bytes.set(body, at + RECORD_BYTES);
    Atomics.store(this.#header, TAIL, at + size);
    return true;
  }

  /**
   * The reader's side: the oldest record, or null when there is none. It stays in the ring until
   * {@link release}.
   *
   * @throws RangeError when the other side wrote what no writer writes
   */
  peek(): RingRecord | null {
    let head = Atomics.load(this.#header, HEAD);
    const tail = Atomics.load(this.#header, TAIL);
    if (head === tail) return null;
    if (head + FRAME_BYTES > this.#capacity || this.#frames[head / 4] === SKIP) head = 0;
    const length = this.#frames[head / 4]!;
    const size = RECORD_BYTES + padded(length);
    const end = head < tail ? tail : this.#capacity;
    const sound = head >= 0 && head % 8 === 0 && length >= 0 && length <= this.#capacity && size <= end - head;
    if (!sound) throw new RangeError("a malformed record in shared memory");
    this.#next = head + size;
    const at = (head + FRAME_BYTES) / 8;
    const floats = this.#floats;
    return {
      fields: [floats[at]!, floats[at + 1]!, floats[at + 2]!, floats[at + 3]!],
      body: this.#bytes.subarray(head + RECORD_BYTES, head + RECORD_BYTES + length),
    };
  }

  /** Frees the room of the record that was looked at last. */
  release(): void {
    Atomics.store(this.#header, HEAD, this.#next);
  }

  /** The reader's side: like {@link peek}, but the writer can no longer take the record back. */
  claim(): RingRecord | null {
    for (;;) {
      const owner = Atomics.compareExchange(this.#header, LOCK, FREE, READER);
      if (owner === FREE) break;
      Atomics.wait(this.#header, LOCK, owner);
    }
    try {
      const record = this.peek();
      if (record) Atomics.add(this.#header, CLAIMED, 1);
      return record;
    } finally {
      Atomics.store(this.#header, LOCK, FREE);
    }
  }

  /** The writer's side: the reader can claim nothing from now on. False when the reader kept the lock. */
  hold(): boolean {
    for (let tries = 0; tries < HOLD_TRIES; tries++) {
      if (Atomics.compareExchange(this.#header, LOCK, FREE, WRITER) !== READER) return true;
    }
    return false;
  }

  /** Ends {@link hold}. */
  letGo(): void {
    if (Atomics.compareExchange(this.#header, LOCK, WRITER, FREE) === WRITER) Atomics.notify(this.#header, LOCK);
  }

  /** How many records have been claimed, modulo 2^32. */
  get claimed(): number {
    return Atomics.load(this.#header, CLAIMED);
  }

  /** Where the writer is; see {@link takeBack}. */
  get mark(): number {
    return Atomics.load(this.#header, TAIL);
  }

  /**
   * The writer's side, while it holds: removes what was pushed since `mark` was read. The reader must have claimed
   * nothing of it.
   */
  takeBack(mark: number): void {
    Atomics.store(this.#header, TAIL, mark);
  }

  /** Raises the flag; true when it was down. */
  raise(): boolean {
    return Atomics.exchange(this.#header, FLAG, 1) === 0;
  }

  /** Lowers the flag; true when it was up. */
  lower(): boolean {
    return Atomics.exchange(this.#header, FLAG, 0) === 1;
  }

  /** Where a record of `size` bytes may begin, or -1. The tail never comes up to the head from behind. */
  #reserve(size: number): number {
    const head = Atomics.load(this.#header, HEAD);
    const tail = Atomics.load(this.#header, TAIL);
    if (tail < head) return tail + size < head ? tail : -1;
    if (tail + size <= this.#capacity) return tail;
    if (size >= head) return -1;
    if (tail + FRAME_BYTES <= this.#capacity) this.#frames[tail / 4] = SKIP;
    return 0;
  }
}

function padded(length: number): number {
  return (length + 7) & ~7;
}
