import { HOST_FUNCTIONS, type HostFunctionName, LIMITS } from "@aspen/plugin-api/abi";

/**
 * The slot of shared memory between a plugin's worker and the main thread: one host call at a time goes
 * through it, and it tells each side what the other is doing.
 */

const STATE = 0;
const LENGTH = 1;
const FUNCTION = 2;
const RUNNING = 3;
const STARTED_AT_BYTE = 24;
/**
 * The first of the words that hold sequence numbers of calls to be stopped, and how many there are. The place of a
 * number is its remainder.
 */
const ABORTS = 16;
const ABORT_WORDS = 128;
const HEADER_BYTES = (ABORTS + ABORT_WORDS) * 4;

const IDLE = 0;
const REQUEST = 1;
const RESPONSE = 2;
const CLOSED = 3;

const INITIAL_BYTES = 64 * 1024;
/** Room for a call's parameters or its result with tag and lengths. */
const MAXIMUM_BYTES = 2 * LIMITS.messageBytes;
const ABSENT = 0xffff_ffff;

/** A growable buffer of the right size for a slot. */
export function createSlotBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(INITIAL_BYTES, { maxByteLength: MAXIMUM_BYTES });
}

abstract class Slot {
  protected readonly header: Int32Array;
  protected readonly startedAtView: Float64Array;

  constructor(protected readonly buffer: SharedArrayBuffer) {
    this.header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.startedAtView = new Float64Array(buffer, STARTED_AT_BYTE, 1);
  }

  protected write(parts: readonly Uint8Array[]): boolean {
    let length = 0;
    for (const part of parts) length += part.length;
    const needed = HEADER_BYTES + length;
    if (needed > MAXIMUM_BYTES) return false;
    if (needed > this.buffer.byteLength)
      this.buffer.grow(Math.min(MAXIMUM_BYTES, Math.max(needed, this.buffer.byteLength * 2)));
    const target = new Uint8Array(this.buffer, HEADER_BYTES, length);
    let offset = 0;
    for (const part of parts) {
      target.set(part, offset);
      offset += part.length;
    }
    this.header[LENGTH] = length;
    return true;
  }

  /** A private copy of the payload; the other side may change the shared one at any time. */
  protected read(): Uint8Array {
    const length = Math.min(this.header[LENGTH]! >>> 0, this.buffer.byteLength - HEADER_BYTES);
    return new Uint8Array(this.buffer, HEADER_BYTES, length).slice();
  }
}

/** Milliseconds on a clock that all threads of the process share. */
export function sharedNow(): number {
  return performance.timeOrigin + performance.now();
}

/** The worker's end. */
export class WorkerSlot extends Slot {
  /** Asks the main thread and blocks until it answers; null when the parameters do not fit. */
  call(name: HostFunctionName, args: readonly (Uint8Array | null)[]): Uint8Array | null {
    const parts: Uint8Array[] = [];
    for (const arg of args) {
      parts.push(new Uint8Array(Uint32Array.of(arg === null ? ABSENT : arg.length).buffer));
      if (arg !== null) parts.push(arg);
    }
    if (!this.write(parts)) return null;
    this.header[FUNCTION] = HOST_FUNCTIONS.findIndex((spec) => spec.name === name);
    Atomics.store(this.header, STATE, REQUEST);
    Atomics.notify(this.header, STATE);
    while (Atomics.load(this.header, STATE) === REQUEST) Atomics.wait(this.header, STATE, REQUEST);
    return this.read();
  }

  /** Says which call runs from now on; 0 for none. */
  begin(sequence: number): void {
    this.startedAtView[0] = sharedNow();
    Atomics.store(this.header, RUNNING, sequence);
  }

  end(): void {
    Atomics.store(this.header, RUNNING, 0);
  }

  interruptRequested(sequence: number): boolean {
    return sequence > 0 && Atomics.load(this.header, abortWord(sequence)) === sequence;
  }

  /** A call is over; its number may come again. */
  forget(sequence: number): void {
    Atomics.compareExchange(this.header, abortWord(sequence), sequence, 0);
  }
}

export type HostCallServer = (name: HostFunctionName, args: (Uint8Array | null)[]) => Promise<Uint8Array>;

/** The main thread's end. It trusts nothing that the worker wrote. */
export class MainSlot extends Slot {
  #closed = false;

  /** Sequence number of the call that the worker runs, 0 for none. */
  get running(): number {
    return Atomics.load(this.header, RUNNING);
  }

  /** When the running call began, on the clock of {@link sharedNow}. */
  get startedAt(): number {
    return this.startedAtView[0] ?? 0;
  }

  /** Asks a call to stop at its next poll, or not to begin. */
  interrupt(sequence: number): void {
    Atomics.store(this.header, abortWord(sequence), sequence);
  }

  /** Answers host calls until {@link close}. */
  async serve(answer: HostCallServer, onMalformed: (problem: string) => void): Promise<void> {
    while (!this.#closed) {
      const state = Atomics.load(this.header, STATE);
      if (state !== REQUEST) {
        const waited = Atomics.waitAsync(this.header, STATE, state);
        if (waited.async) await waited.value;
        continue;
      }
      const spec = HOST_FUNCTIONS[this.header[FUNCTION]!];
      const args = spec ? decodeArguments(this.read(), spec.parameters.length) : null;
      if (!spec || !args) {
        onMalformed(spec ? `malformed parameters of ${spec.name}` : "an unknown host function");
        return;
      }
      const result = await answer(spec.name, args);
      if (this.#closed) return;
      if (!this.write([result])) {
        onMalformed(`a result of ${spec.name} over the limit`);
        return;
      }
      Atomics.store(this.header, STATE, RESPONSE);
      Atomics.notify(this.header, STATE);
    }
  }

  close(): void {
    this.#closed = true;
    Atomics.store(this.header, STATE, CLOSED);
    Atomics.notify(this.header, STATE);
  }

  /** True while no host call is under way. */
  get idle(): boolean {
    return Atomics.load(this.header, STATE) === IDLE;
  }
}

function abortWord(sequence: number): number {
  return ABORTS + (sequence % ABORT_WORDS);
}

function decodeArguments(payload: Uint8Array, count: number): (Uint8Array | null)[] | null {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const args: (Uint8Array | null)[] = [];
  let offset = 0;
  for (let i = 0; i < count; i++) {
    if (offset + 4 > payload.length) return null;
    const length = view.getUint32(offset, true);
    offset += 4;
    if (length === ABSENT) {
      args.push(null);
      continue;
    }
    if (length > payload.length - offset) return null;
    args.push(payload.slice(offset, offset + length));
    offset += length;
  }
  return offset === payload.length ? args : null;
}
