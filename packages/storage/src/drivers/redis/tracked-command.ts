import type { Writable } from "node:stream";
import type { Command } from "ioredis";

export type Argument = string | number | Buffer;

/** A command that knows whether a server may have seen it, which the client does not tell. */
export interface TrackedCommand extends Command {
  /** True while it has been written to a connection and no server has refused it. */
  readonly written: boolean;
  /** The connection that it was last written to. */
  readonly socket: unknown;
}

export type TrackedCommandClass = new (name: string, args: readonly Argument[], slotOf?: Command) => TrackedCommand;

const REJECT = Symbol("reject");

interface Rejectable {
  /** No field of the class: the base class sets it before there are any. */
  [REJECT]?: (error: Error) => void;
  written: boolean;
}

/** Sockets that hold back what is written to them. */
const held = new WeakSet<Writable>();

/** Has the commands of one turn leave together: the client writes each by a system call of its own. */
function holdForTurn(socket: Writable): void {
  if (held.has(socket)) return;
  held.add(socket);
  socket.cork();
  process.nextTick(() => {
    held.delete(socket);
    socket.uncork();
  });
}

/** Of the client's own class, which is loaded only when Redis is used. */
export function trackedCommandClass(Base: typeof Command): TrackedCommandClass {
  class Tracked extends Base {
    written = false;
    socket: unknown = null;

    constructor(
      name: string,
      args: readonly Argument[],
      private readonly slotOf?: Command,
    ) {
      super(name, args as Argument[], { replyEncoding: null as never });
    }

    override toWritable(socket: object): string | Buffer {
      this.written = true;
      this.socket = socket;
      holdForTurn(socket as Writable);
      return super.toWritable(socket);
    }

    /** On a cluster, where another command goes. */
    override getSlot(): number {
      return this.slotOf ? this.slotOf.getSlot() : super.getSlot();
    }
  }
  // The cluster client sends a refused command elsewhere by putting a function of its own in the place of `reject`;
  // whatever is put there, a refusal passes here first.
  Object.defineProperty(Tracked.prototype, "reject", {
    get(this: Rejectable) {
      return this[REJECT];
    },
    set(this: Rejectable, reject: (error: Error) => void) {
      this[REJECT] = (error) => {
        if (isReply(error)) this.written = false;
        reject(error);
      };
    },
  });
  return Tracked;
}

/** True for an error that a server answered: the command was not applied. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}
