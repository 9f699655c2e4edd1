import type { Announcement } from "@aspen/feature";
import type { MemberInfo } from "@aspen/layers";
import { cut, type Logger } from "@aspen/plugin-api";
import type { HandlerRegistry } from "@aspen/rpc-core";

/** Most names of a kind that a node tells others of, most characters of one, and most bytes of all: a record has bounds. */
const METHODS = { max: 4000, bytes: 160 * 1024 };
const JOB_TYPES = { max: 1000, bytes: 32 * 1024 };
const CHARACTERS_MAX = 256;

export interface ServedParts {
  registry: HandlerRegistry;
  announcements: readonly Announcement[];
  logger: Logger;
}

/** What a node serves at the moment, as far as it fits into its record. The node serves the rest all the same. */
export class Served {
  /** Names that others do not hear of, by kind. */
  readonly #leftOut = new Map<string, number>();

  constructor(private readonly parts: ServedParts) {}

  read(): Pick<MemberInfo, "methods" | "safeMethods" | "jobTypes"> {
    return { ...this.#methods(), jobTypes: this.#jobTypes() };
  }

  /** A handler that could only refuse serves nothing. Its schemas are not asked for: they are made on demand. */
  #methods(): Pick<MemberInfo, "methods" | "safeMethods"> {
    const methods = new Names(METHODS);
    const safe = new Set<string>();
    for (const handler of this.parts.registry.list()) {
      if (handler.available === false) continue;
      for (const { method, safe: isSafe } of handler.methods) {
        if (methods.add(method, isSafe ? 2 : 1) && isSafe) safe.add(method);
      }
    }
    this.#warn("methods", methods, "other nodes do not forward these to it");
    return { methods: [...methods.taken], safeMethods: [...safe] };
  }

  #jobTypes(): string[] {
    const types = new Names(JOB_TYPES);
    for (const announcement of this.parts.announcements) {
      for (const type of announcement.jobTypes()) types.add(type);
    }
    this.#warn("job types", types, "the list of nodes does not show these");
    return [...types.taken];
  }

  /** Once for each number of them. */
  #warn(kind: string, { leftOut }: Names, so: string): void {
    if (leftOut.size !== (this.#leftOut.get(kind) ?? 0) && leftOut.size > 0) {
      const [example] = leftOut;
      const fields = { leftOut: leftOut.size, example: cut(example!) };
      this.parts.logger.warn(fields, `the ${kind} of this node are too many or too long; ${so}`);
    }
    this.#leftOut.set(kind, leftOut.size);
  }
}

class Names {
  readonly taken = new Set<string>();
  readonly leftOut = new Set<string>();
  #bytes = 0;

  constructor(private readonly bounds: { max: number; bytes: number }) {}

  /** True when it is taken now. @param times that it is stored */
  add(name: string, times = 1): boolean {
    if (this.taken.has(name)) return false;
    const bytes = times * Buffer.byteLength(JSON.stringify([name]));
    const fits = this.taken.size < this.bounds.max && this.#bytes + bytes <= this.bounds.bytes;
    if (!fits || name.length > CHARACTERS_MAX) {
      this.leftOut.add(name);
      return false;
    }
    this.#bytes += bytes;
    this.taken.add(name);
    return true;
  }
}
