import type { TraceContext } from "@aspen/rpc-core";
import { type CallMessage, type CallOutcome, isLarge, pushCall, type ToWorker } from "../protocol/messages.js";
import type { Ring } from "../protocol/ring.js";

/** A call that an instance has taken. */
export interface InstanceCall extends CallMessage {
  /** No other instance may run it. */
  pinned?: boolean;
  /** Its place in a trace. */
  trace?: TraceContext | undefined;
  settle(outcome: CallOutcome): void;
}

interface Sent {
  call: InstanceCall;
  /** Where the ring stood before its record; null while the ring has no room. */
  mark: number | null;
}

/** The calls of one worker, in the order in which it runs them. Shared memory says which of them it has begun. */
export class SentCalls {
  readonly #sent = new Map<number, Sent>();
  /** Calls for which the ring has no room yet. */
  #waiting: Sent[] = [];
  /** The last call whose input went by message. */
  #posted: InstanceCall | null = null;
  #sequence = 0;
  /** Records written, without those taken back, modulo 2^32. */
  #pushed = 0;

  constructor(
    private readonly ring: Ring,
    private readonly post: (message: ToWorker) => void,
  ) {}

  get size(): number {
    return this.#sent.size;
  }

  /** Gives the call its number, from 1 to 2^31 - 1, and sends it. */
  add(call: InstanceCall): void {
    this.#sequence = (this.#sequence % 0x7fff_ffff) + 1;
    call.sequence = this.#sequence;
    const sent: Sent = { call, mark: null };
    this.#sent.set(call.sequence, sent);
    this.#waiting.push(sent);
    this.flush();
  }

  /** Sends calls that wait for room. */
  flush(): void {
    while (this.#waiting.length > 0) {
      const sent = this.#waiting[0]!;
      const { call } = sent;
      if (isLarge(call.input) && this.#posted !== call) {
        // Before its record, so that the worker finds the input.
        this.post({ type: "call", call: { sequence: call.sequence, name: call.name, input: call.input } });
        this.#posted = call;
      }
      const mark = this.ring.mark;
      if (!pushCall(this.ring, call)) return;
      sent.mark = mark;
      this.#pushed += 1;
      this.#waiting.shift();
      if (this.ring.lower()) this.post({ type: "wake" });
    }
  }

  /** The call of this number, while it is under way. */
  find(sequence: number): InstanceCall | undefined {
    return this.#sent.get(sequence)?.call;
  }

  /** Takes out the call that has ended; null when no call has this number. */
  end(sequence: number): InstanceCall | null {
    const sent = this.#sent.get(sequence);
    this.#sent.delete(sequence);
    return sent?.call ?? null;
  }

  /** Stops the worker from beginning calls until {@link letGo}; false when the worker kept the lock. */
  hold(): boolean {
    return this.ring.hold();
  }

  letGo(): void {
    this.ring.letGo();
  }

  /**
   * Takes back every call that the worker has not begun, in order. Call it only while the worker is held: then no call
   * that is handed back ever runs here, and every call that stays has begun.
   */
  takeBack(): InstanceCall[] {
    const all = [...this.#sent.values()];
    const written = all.filter(({ mark }) => mark !== null);
    const fresh = (this.#pushed - this.ring.claimed) | 0;
    // An impossible number must not make a call run twice.
    const count = fresh >= 0 && fresh <= written.length ? fresh : 0;
    const unclaimed = written.slice(written.length - count);
    if (unclaimed.length > 0) this.ring.takeBack(unclaimed[0]!.mark!);
    this.#pushed -= count;
    const back = [...unclaimed, ...this.#waiting].map(({ call }) => call);
    for (const call of back) {
      this.#sent.delete(call.sequence);
      if (isLarge(call.input)) this.post({ type: "forget", sequence: call.sequence });
    }
    this.#waiting = [];
    this.#posted = null;
    return back;
  }

  /** Takes out every call that is left, in order. */
  clear(): InstanceCall[] {
    const left = [...this.#sent.values()].map(({ call }) => call);
    this.#sent.clear();
    this.#waiting = [];
    return left;
  }

  get pinned(): boolean {
    for (const { call } of this.#sent.values()) if (call.pinned) return true;
    return false;
  }
}
