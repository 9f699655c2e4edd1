import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Policy } from "../domain/policy.js";
import { isProtected, type RefCommand } from "../domain/policy.js";
import { ZERO_ID } from "../domain/ref-name.js";
import { FORGE_LIMITS } from "../limits.js";
import type { GatewayParts } from "./parts.js";
import type { CachedRepository } from "./repository-cache.js";

/** Bytes of a pack without objects: a header and a checksum. */
const EMPTY_PACK_BYTES = 32;

/** The pack of one push in a folder of its own, where nobody else sees its objects. */
export class Incoming implements AsyncDisposable {
  private constructor(
    private readonly parts: Pick<GatewayParts, "git" | "options">,
    private readonly target: CachedRepository,
    private readonly folder: string,
    private readonly signal: AbortSignal,
  ) {}

  static async open(
    parts: Pick<GatewayParts, "git" | "options" | "cache">,
    target: CachedRepository,
    signal: AbortSignal,
  ): Promise<Incoming> {
    const folder = await parts.cache.scratch();
    await mkdir(join(folder, "pack"));
    return new Incoming(parts, target, folder, signal);
  }

  /** Where its pack lies. */
  get packFolder(): string {
    return join(this.folder, "pack");
  }

  /**
   * Checks every object of a pack. `refusal` is for the person who pushes; `id` is null for a pack without objects;
   * `connected` when all is known to be there that the objects name.
   */
  async index(
    pack: AsyncIterable<Uint8Array>,
  ): Promise<{ refusal: string | null; id: string | null; connected: boolean }> {
    const alone = this.target.isEmpty ? ["--check-self-contained-and-connected"] : [];
    const limit = `--max-input-size=${this.parts.options.pushBytes}`;
    const args = ["index-pack", "--stdin", "--fix-thin", ...alone, "--strict", limit];
    const { code, stdout, stderr, stopped } = await this.parts.git.run(args, { ...this.#options(), input: pack });
    const id = /^(?:pack|keep)\t([0-9a-f]{40})$/m.exec(stdout)?.[1];
    // With that check, 1 says that the pack is sound but not alone enough.
    const sound = id !== undefined && (code === 0 || (code === 1 && alone.length > 0));
    if (!sound) {
      const why = stopped ?? reasonOf(stderr);
      return { refusal: `the pack is refused: ${why}`, id: null, connected: false };
    }
    const { size } = await stat(join(this.packFolder, `pack-${id}.pack`));
    return { refusal: null, id: size <= EMPTY_PACK_BYTES ? null : id, connected: code === 0 && alone.length > 0 };
  }

  /**
   * Why what the commands name is not all there; null when it is. `connected`: the pack was found to be so already, so that
   * only the names have to be looked at.
   */
  async missing(commands: readonly RefCommand[], connected: boolean): Promise<string | null> {
    const ids = [...new Set(commands.map(({ after }) => after))].filter((id) => id !== ZERO_ID);
    if (ids.length === 0) return null;
    const input = `${ids.join("\n")}\n`;
    if (connected) {
      const { code, stdout } = await this.parts.git.run(["cat-file", "--batch-check"], { ...this.#options(), input });
      const absent = /^(\S+) missing$/m.exec(stdout)?.[1];
      if (code === 0 && absent === undefined) return null;
      return `the object ${absent ?? ids[0]} is missing`;
    }
    const walk = ["rev-list", "--objects", "--stdin", "--not", "--all", "--quiet"];
    const { code, stderr, stopped } = await this.parts.git.run(walk, { ...this.#options(), input });
    return code === 0 ? null : `objects are missing: ${stopped ?? reasonOf(stderr)}`;
  }

  /** Whether a command keeps all commits: known of those that a rule covers, and of those that have an event each. */
  async fastForwards(commands: readonly RefCommand[], policy: Policy): Promise<(command: RefCommand) => boolean> {
    const told = commands.length <= FORGE_LIMITS.eventRefs;
    const known = new Map<string, boolean>();
    for (const { ref, before, after } of commands) {
      const pair = `${before} ${after}`;
      if (before === ZERO_ID || after === ZERO_ID || known.has(pair) || !(told || isProtected(policy, ref))) continue;
      const { code } = await this.parts.git.run(["merge-base", "--is-ancestor", before, after], this.#options());
      known.set(pair, code === 0);
    }
    return ({ before, after }) => known.get(`${before} ${after}`) ?? false;
  }

  /** A process that sees the repository's objects and those of the push. */
  #options() {
    const { directory } = this.target;
    const environment = {
      GIT_OBJECT_DIRECTORY: this.folder,
      GIT_ALTERNATE_OBJECT_DIRECTORIES: join(directory, "objects"),
      GIT_QUARANTINE_PATH: this.folder,
    };
    return { directory, environment, signal: this.signal };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Why git ended: what it calls an error, the last few of those. */
function reasonOf(stderr: string): string {
  const lines = stderr.split("\n").flatMap((line) => /^(?:fatal|error): (.+)/.exec(line)?.[1] ?? []);
  return lines.slice(-3).join("; ") || "git gave no reason";
}
