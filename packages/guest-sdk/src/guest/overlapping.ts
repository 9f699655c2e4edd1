import {
  decodeEnvelope,
  encodeEnvelope,
  encodeUtf8,
  type HostFunctionName,
  LIMITS,
  type OverlappingHostFunctionName,
  readU64,
} from "@aspen/plugin-api/abi";
import { type Argument, expected, hostCall, hostCallExpecting, resultOf } from "./host-call.js";
import { type OverlappingCalls, sandbox } from "./intrinsics.js";

interface Waiting {
  readonly name: HostFunctionName;
  resolve(result: Uint8Array | null): void;
  reject(error: unknown): void;
}

interface Asked extends Waiting {
  readonly args: readonly Argument[];
}

/**
 * Host calls of the running call that may take long. In WASM a host call has ended when it returns, so that nothing could
 * overlap. These begin when the plugin has nothing else to do: one alone is an ordinary call; several are submitted, and
 * the first that is done goes on.
 */
class Overlapping implements OverlappingCalls {
  #asked: Asked[] = [];
  readonly #tickets = new Map<number, Waiting>();

  call(name: OverlappingHostFunctionName, args: readonly Argument[]): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ name, args, resolve, reject });
    });
  }

  next(): boolean {
    const [first] = this.#asked;
    if (this.#tickets.size === 0) {
      if (!first) return false;
      if (this.#asked.length === 1) {
        this.#asked = [];
        settle(first, () => hostCall(first.name, ...first.args) as Uint8Array | null);
        return true;
      }
    }
    // Those beyond what may be under way wait for their turn.
    for (const one of this.#asked.splice(0, LIMITS.ticketsPerCall - this.#tickets.size)) this.#submit(one);
    if (this.#tickets.size > 0) this.#wait();
    return true;
  }

  clear(): void {
    this.#asked = [];
    this.#tickets.clear();
  }

  #submit(asked: Asked): void {
    const { name, args } = asked;
    try {
      const parts = args.map((arg) => (typeof arg === "string" ? encodeUtf8(arg) : arg));
      const lengths = parts.map((part) => part?.length ?? null);
      const attached = parts.filter((part) => part !== null);
      const ticket = hostCallExpecting("call_submit", name, encodeEnvelope({ lengths }, attached)) as Uint8Array;
      this.#tickets.set(readU64(ticket), asked);
    } catch (error) {
      asked.reject(error);
    }
  }

  #wait(): void {
    let ticket: number;
    let result: Uint8Array;
    try {
      const tickets = JSON.stringify([...this.#tickets.keys()]);
      const answer = decodeEnvelope<{ ticket: number }>(hostCallExpecting("call_wait", tickets) as Uint8Array);
      ticket = answer.header.ticket;
      result = answer.attachments;
    } catch (error) {
      // Which of them it was about is not known.
      for (const waiting of this.#tickets.values()) waiting.reject(error);
      this.#tickets.clear();
      return;
    }
    const waiting = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (waiting) settle(waiting, () => resultOf(waiting.name, result));
  }
}

/** As `hostCall`, for what overlaps in the ABI table: several that begin together are under way together. */
export async function hostCallOverlapping(
  name: OverlappingHostFunctionName,
  ...args: Argument[]
): Promise<Uint8Array | null> {
  const inWasm = sandbox();
  if (!inWasm) return await hostCall(name, ...args);
  inWasm.overlapping ??= new Overlapping();
  return await inWasm.overlapping.call(name, args);
}

/** The same, for results that are never "not found". */
export async function hostCallOverlappingExpecting(
  name: OverlappingHostFunctionName,
  ...args: Argument[]
): Promise<Uint8Array> {
  return expected(name, await hostCallOverlapping(name, ...args));
}

function settle({ resolve, reject }: Waiting, result: () => Uint8Array | null): void {
  try {
    resolve(result());
  } catch (error) {
    reject(error);
  }
}
