import type { HttpMount } from "@aspen/feature";
import { type Logger, thrownError } from "@aspen/plugin-api";
import { nodeErrors } from "../errors.js";
import { answerMount, type MountRequest } from "./answer-mount.js";

/** What the front answers itself. */
const OWN = ["/rpc", "/healthz"];
const PREFIX = /^(\/[A-Za-z0-9._~-]+)+$/;
/** Longest wait for mounts whose answers are over or cut, in milliseconds. */
const SETTLE_MS = 1000;

/** A mount, and the path behind its prefix. */
export interface FoundMount {
  mount: HttpMount;
  path: string;
}

/** The mounts of a front, and what they are answering. */
export class Mounts {
  readonly #underWay = new Set<Promise<void>>();

  /** @throws AspenError `CONFIG_INVALID` when a prefix is none, or two share a path */
  constructor(
    private readonly mounts: readonly HttpMount[],
    private readonly log: Logger,
    /** See `MountRequest`. */
    private readonly answerMs: number,
  ) {
    const taken = [...OWN];
    for (const { prefix, access, maxBodyBytes: limit } of mounts) {
      if (!PREFIX.test(prefix))
        throw nodeErrors.mountInvalid(prefix, "prefix must be a path such as /git, without a slash at its end");
      if (access !== "caller" && access !== "public")
        throw nodeErrors.mountInvalid(prefix, 'access must be "caller" or "public"');
      if (limit !== null && !(Number.isSafeInteger(limit) && limit >= 0))
        throw nodeErrors.mountInvalid(prefix, "maxBodyBytes must be a number of bytes, or null");
      const other = taken.find((it) => isWithin(prefix, it) || isWithin(it, prefix));
      if (other !== undefined) throw nodeErrors.mountTaken(prefix, other);
      taken.push(prefix);
    }
  }

  /** The mount that answers a request's target. */
  find(target: string): FoundMount | undefined {
    // Most requests, by far; no mount can have them.
    if (this.mounts.length === 0 || target.startsWith("/rpc/")) return undefined;
    const path = pathOf(target);
    const mount = this.mounts.find(({ prefix }) => isWithin(path, prefix));
    return mount && { mount, path: path.slice(mount.prefix.length) || "/" };
  }

  answer({ mount, path }: FoundMount, request: Omit<MountRequest, "path" | "log" | "answerMs">): void {
    const { log, answerMs } = this;
    const work = answerMount(mount, { ...request, path, log, answerMs }).catch((error: unknown) => {
      // The mount has left its answer in a state in which nothing more can be said.
      log.error({ err: thrownError(error), mount: mount.prefix }, "a request to a mount cannot be answered");
      request.response.destroy();
    });
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /** Resolves when nothing is being answered any more, after a moment at the latest. */
  async settled(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SETTLE_MS);
    });
    await Promise.race([Promise.all(this.#underWay), late]);
    clearTimeout(timer);
    if (this.#underWay.size > 0)
      this.log.warn({ mounts: this.#underWay.size }, "mounts go on after their requests ended");
  }
}

function isWithin(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

/** The path of a request's target as it was sent; a target may have a scheme and a host of its own (RFC 9112, 3.2.2). */
function pathOf(target: string): string {
  return target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").split(/[?#]/, 1)[0]!;
}
