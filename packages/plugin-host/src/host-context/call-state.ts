import { setMaxListeners } from "node:events";
import { LIMITS } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import { BlobStreams } from "./blob-streams.js";
import type { OpenAnswer } from "./open-answer.js";

/**
 * What one call of a plugin has under way on the host. A tier makes one for each call that answers a request, a timer or
 * an event, and disposes of it when the call is over: all of it ends then.
 */
export class CallState implements Disposable {
  readonly #over = new AbortController();
  readonly #tickets = new Map<number, Promise<Uint8Array>>();
  readonly #answers = new Map<number, OpenAnswer>();
  /** The blobs that it reads and writes in parts. */
  readonly blobs = new BlobStreams();
  /** Host calls that it has made. */
  hostCalls = 0;
  #last = 0;
  /** Answers that are being opened. */
  #opening = 0;

  constructor() {
    // Every request of the call listens to it.
    setMaxListeners(0, this.#over.signal);
  }

  /** Aborts when the call is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Begins what may take long; gives its ticket. @throws AspenError `LIMIT_EXCEEDED` */
  submit(work: () => Promise<Uint8Array>): number {
    if (this.#tickets.size >= LIMITS.ticketsPerCall) {
      throw hostErrors.tooManyOf("host functions under way in one call", LIMITS.ticketsPerCall, "tickets_per_call");
    }
    const ticket = this.#next();
    this.#tickets.set(ticket, work());
    return ticket;
  }

  /** The first of these that is done: its ticket, and what it gave, attached. @throws AspenError `HANDLE_UNKNOWN` */
  async wait(tickets: readonly number[]): Promise<{ header: { ticket: number }; attachments: Uint8Array[] }> {
    const waited = tickets.map((ticket) => {
      const work = this.#tickets.get(ticket);
      if (!work) throw hostErrors.handleUnknown("ticket", ticket);
      return work.then((result) => ({ ticket, result }));
    });
    const { ticket, result } = await Promise.race(waited);
    this.#tickets.delete(ticket);
    return { header: { ticket }, attachments: [result] };
  }

  /** Room for one more answer, which `begin` opens; gives its handle beside it. @throws AspenError `LIMIT_EXCEEDED` */
  async open(begin: () => Promise<OpenAnswer>): Promise<{ handle: number; answer: OpenAnswer }> {
    if (this.#answers.size + this.#opening >= LIMITS.answersPerCall) {
      throw hostErrors.tooManyOf("answers open in one call", LIMITS.answersPerCall, "answers_per_call");
    }
    this.#opening += 1;
    try {
      const answer = await begin();
      const handle = this.#next();
      if (this.signal.aborted) answer.close();
      else this.#answers.set(handle, answer);
      return { handle, answer };
    } finally {
      this.#opening -= 1;
    }
  }

  /** The next part of an answer, or null at its end, which closes it. @throws AspenError `HANDLE_UNKNOWN` */
  async read(handle: number): Promise<Uint8Array | null> {
    const answer = this.#answers.get(handle);
    if (!answer) throw hostErrors.handleUnknown("handle", handle);
    try {
      const part = await answer.read();
      if (part === null) this.#answers.delete(handle);
      return part;
    } catch (error) {
      this.#answers.delete(handle);
      throw error;
    }
  }

  /** @throws AspenError `HANDLE_UNKNOWN` */
  close(handle: number): void {
    const answer = this.#answers.get(handle);
    if (!answer) throw hostErrors.handleUnknown("handle", handle);
    this.#answers.delete(handle);
    answer.close();
  }

  [Symbol.dispose](): void {
    this.#over.abort();
    for (const answer of this.#answers.values()) answer.close();
    this.#answers.clear();
    this.#tickets.clear();
    this.blobs[Symbol.dispose]();
  }

  #next(): number {
    this.#last += 1;
    return this.#last;
  }
}
