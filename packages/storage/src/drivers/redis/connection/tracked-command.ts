import type { Writable } from "node:stream";
import type { Command } from "ioredis";

export type Argument = string | number | Buffer;

/** A command that knows whether a server may have seen it; the client does not tell that. */
export interface TrackedCommand extends Command {
  /** True while it has been written to a connection and no server has refused it. */
  readonly written: boolean;
  /** The connection that it was last written to. */
  readonly socket: unknown;
}

export type TrackedCommandClass = new (name: string, args: readonly Argument[], slotOf?: Command) => TrackedCommand;

/** Least bytes of an argument that is written without a copy. */
const LARGE_BYTES = 65_536;

/** Commands that leave together at most. */
const GROUP = 16;

const REJECT = Symbol("reject");

interface Rejectable {
  /** Not a class field: the base class's constructor sets it before class fields exist. */
  [REJECT]?: (error: Error) => void;
  written: boolean;
}

/**
 * The subclass of the client's own command class, which is loaded only when Redis is used.
 * @param redirected the client sends a refused command elsewhere, as that of a cluster does
 */
export function trackedCommandClass(Base: typeof Command, redirected: boolean): TrackedCommandClass {
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
      holdBack(socket as Writable);
      const args = this.args as readonly (string | Buffer)[];
      return args.some(isLarge) ? writeInPieces(socket as Writable, this.name, args) : super.toWritable(socket);
    }

    /** On a cluster: the slot of the command that this one follows. */
    override getSlot(): number {
      return this.slotOf ? this.slotOf.getSlot() : super.getSlot();
    }
  }
  if (!redirected) return Tracked;
  // A cluster client redirects by replacing `reject` with a function of its own. A refusal passes here first, whatever
  // that function is.
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

/** Sockets that hold back what is written, and how many commands that is. */
const held = new WeakMap<Writable, { commands: number }>();

/**
 * Sends the commands of one turn together instead of one by one, but in groups: the server works on the first group while
 * the next is made.
 */
function holdBack(socket: Writable): void {
  const group = held.get(socket);
  if (group) {
    group.commands += 1;
    if (group.commands % GROUP !== 0) return;
    socket.uncork();
    socket.cork();
    return;
  }
  held.set(socket, { commands: 1 });
  socket.cork();
  process.nextTick(() => {
    held.delete(socket);
    socket.uncork();
  });
}

function isLarge(arg: string | Buffer): boolean {
  return typeof arg !== "string" && arg.length >= LARGE_BYTES;
}

/**
 * Writes a command but for its last piece, which it returns. The client would copy all of it into one buffer, which
 * takes as long as sending it (RESP of redis.io/docs, "Sending commands to a Redis server").
 */
function writeInPieces(socket: Writable, name: string, args: readonly (string | Buffer)[]): string {
  let text = `*${args.length + 1}\r\n$${Buffer.byteLength(name)}\r\n${name}\r\n`;
  for (const arg of args) {
    if (typeof arg === "string") text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
    else {
      socket.write(`${text}$${arg.length}\r\n`);
      socket.write(arg);
      text = "\r\n";
    }
  }
  return text;
}

/** True for an error that a server answered: the command was not applied. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}
